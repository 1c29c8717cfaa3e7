"""Small documents, written by hand or drawn, each with what one test needs."""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
HELLO = b"BT /F 24 Tf 72 700 Td (Hello from a page) Tj ET"
SENTENCES = ("The quick brown fox jumps over the lazy dog.", "Every input ends exactly once.", "Nothing is lost here.")
A4_AT_150_DPI = (1240, 1754)


def stream(data: bytes, entries: bytes = b"") -> bytes:
    return b"<<%s/Length %d>>\nstream\n%s\nendstream" % (entries, len(data), data)


def page(entries: bytes = b"/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>", box: bytes = b"0 0 595 842") -> bytes:
    return b"<</Type/Page/Parent 2 0 R/MediaBox[%s]%s>>" % (box, entries)


def render_pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """Objects are numbered from 1; the first is the catalog."""
    body, offsets = b"%PDF-1.7\n", []
    for number, item in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, item)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, trailer, len(body))
    )


def text_pdf(content: bytes = HELLO, catalog: bytes = CATALOG, extra: Sequence[bytes] = ()) -> bytes:
    """One page of real text; `extra` objects are numbered from 6."""
    return render_pdf([catalog, PAGES, page(), stream(content), FONT, *extra])


def content_pdf(content: bytes, entries: bytes = b"", box: bytes = b"0 0 595 842") -> bytes:
    """One page with one content stream, packed as `entries` say."""
    return render_pdf([CATALOG, PAGES, page(b"/Contents 4 0 R", box), stream(content, entries)])


def image_pdf(data: bytes, entries: bytes, content: bytes = b"q 595 0 0 842 0 0 cm /I Do Q") -> bytes:
    """One page that shows one image."""
    resources = page(b"/Contents 4 0 R/Resources<</XObject<</I 5 0 R>>>>")
    image = stream(data, b"/Type/XObject/Subtype/Image" + entries)
    return render_pdf([CATALOG, PAGES, resources, stream(content), image])


def forms_pdf(levels: int, calls: int) -> bytes:
    """A page that draws a form `calls` times, which draws the next as often, `levels` deep."""
    objects = [CATALOG, PAGES, page(b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>"), stream(b"/F Do " * calls)]
    for level in range(levels):
        following = b"/Resources<</XObject<</F %d 0 R>>>>" % (level + 6)
        objects.append(stream(b"/F Do " * calls, b"/Subtype/Form/BBox[0 0 99 99]" + following))
    return render_pdf([*objects, stream(b"0 0 9 9 re f", b"/Subtype/Form/BBox[0 0 99 99]")])


def tree_pdf(*nodes: bytes) -> bytes:
    """A catalog and these page tree nodes, numbered from 2."""
    return render_pdf([CATALOG, *nodes])


def attachment_pdf(name: bytes) -> bytes:
    names = b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(%s)6 0 R]>>>>>>" % name
    specification = b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F 7 0 R>>>>" % (name, name)
    return text_pdf(catalog=names, extra=[specification, stream(b"<x/>", b"/Type/EmbeddedFile")])


def signed_pdf() -> bytes:
    catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[6 0 R]>>>>"
    field = b"<</FT/Sig/T(s)/Type/Annot/Subtype/Widget/Rect[0 0 0 0]/P 3 0 R/V 7 0 R>>"
    signature = b"<</Type/Sig/Filter/Adobe.PPKLite/ByteRange[0 9 9 9]/Contents<00>>>"
    return text_pdf(catalog=catalog, extra=[field, signature])


def draw_page(lines: Sequence[str] = SENTENCES, size: tuple[int, int] = A4_AT_150_DPI) -> Image.Image:
    """A page as a scanner sees it: grey, 150 dpi."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=36)
    for number, line in enumerate(lines):
        draw.text((100, 150 + 70 * number), line, fill=0, font=font)
    return image


def write_scan(target: Path, *pages: Image.Image, dpi: int | None = 150) -> Path:
    """TIFF, PNG, JPEG or PDF, by the suffix; several pages in TIFF and PDF."""
    first, rest = pages[0], pages[1:]
    options: dict[str, Any] = {"dpi": (dpi, dpi)} if dpi else {}
    if target.suffix == ".pdf":
        options = {"resolution": dpi}
    if rest:
        options |= {"save_all": True, "append_images": list(rest)}
    first.save(target, **options)
    return target


def render_png(width: int, height: int, extra: bytes = b"", data: bytes | None = None) -> bytes:
    """Grey, 8 bit; `extra` chunks stand before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\xff" * (width + 1) * height) if data is None else data
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND")


def png_chunk(name: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def render_tiff(*directories: tuple[int, int, int]) -> bytes:
    """Directories of width, height and the number of the next one, from 0; -1 ends the chain. No pixels."""
    size = 2 + 2 * 12 + 4
    body = b"II*\0" + struct.pack("<I", 8)
    for width, height, following in directories:
        body += struct.pack("<H", 2) + struct.pack("<HHII", 256, 4, 1, width) + struct.pack("<HHII", 257, 4, 1, height)
        body += struct.pack("<I", 0 if following < 0 else 8 + following * size)
    return body
