"""Documents to measure on, for want of real ones."""

import io
import random
import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pikepdf
from fontTools import subset

from scripts.demo_documents import CONTRACT, LETTER
from scripts.demo_pages import Sheet, render_pdf
from shared.errors import ConfigError

SCANS = 12
MOST_PAGES = 4
PRINTABLE = range(32, 127)


def draw_scans(folder: Path) -> Path:
    """A dozen scans of one to four densely written pages, the same ones every time; returns the folder."""
    chance = random.Random(1)  # noqa: S311 - a mixture, not a secret
    paragraphs = [text for _, text in CONTRACT] + list(LETTER[2:-1])
    for number in range(SCANS):
        pages = []
        for page in range(1 + number % MOST_PAGES):
            sheet = Sheet()
            sheet.paragraphs(260, [f"File {number}, page {page + 1}", *chance.sample(paragraphs, 9)])
            pages.append(sheet.scan(seed=100 * number + page))
        (folder / f"file-{number:02}.pdf").write_bytes(render_pdf(pages))
    return folder


def link_documents(folder: Path, target: Path) -> Path:
    """A folder with links to the PDFs of another one; ConfigError where it has none."""
    documents = [path for path in folder.iterdir() if path.suffix.lower() == ".pdf"]
    if not documents:
        raise ConfigError(f"{folder} holds no PDF to read")
    target.mkdir()
    for path in documents:
        (target / path.name).symlink_to(path.resolve())
    return target


def write_letters(folder: Path, count: int) -> Path:
    """`count` born-digital pages of some 250 words, no two alike, each with a font of its own; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = random.Random(2)  # noqa: S311 - a mixture, not a secret
    words = " ".join(text for _, text in CONTRACT).split()
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(595, 842))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=_embed_font(pdf)))
        for number in range(count):
            lines = [f"Letter {number:06}"] + [" ".join(chance.choices(words, k=9)) for _ in range(28)]
            page.Contents = pdf.make_stream(_render_lines(lines))
            pdf.save(folder / f"letter-{number:06}.pdf")
    return folder


def write_long_scan(documents: Sequence[Path], target: Path, pages: int) -> None:
    """The pages of the documents in turn, and again from the first where they do not suffice."""
    with pikepdf.new() as long:
        while len(long.pages) < pages:
            for path in documents:
                with pikepdf.open(path) as pdf:
                    long.pages.extend(pdf.pages)
        del long.pages[pages:]
        long.save(target)


def _render_lines(lines: list[str]) -> bytes:
    escaped = (re.sub(r"([()\\])", r"\\\1", line) for line in lines)
    shown = " T* ".join(f"({line}) Tj" for line in escaped)
    return f"BT /F1 11 Tf 22 TL 60 780 Td {shown} ET".encode("ascii", "replace")


def _embed_font(pdf: pikepdf.Pdf) -> pikepdf.Dictionary:
    """Noto Sans as OCRmyPDF brings it, cut to ASCII: a font as word processors embed it."""
    font = subset.load_font(str(files("ocrmypdf") / "data" / "NotoSans-Regular.ttf"), subset.Options())
    cutter = subset.Subsetter()
    cutter.populate(unicodes=PRINTABLE)
    cutter.subset(font)
    scale = 1000 / font["head"].unitsPerEm
    names, widths = font.getBestCmap(), font["hmtx"]
    buffer = io.BytesIO()
    font.save(buffer)
    head, line = font["head"], font["hhea"]
    descriptor = pikepdf.Dictionary(
        Type=pikepdf.Name.FontDescriptor,
        FontName=pikepdf.Name("/ABCDEF+NotoSans-Regular"),
        Flags=32,
        FontBBox=[round(scale * edge) for edge in (head.xMin, head.yMin, head.xMax, head.yMax)],
        ItalicAngle=0,
        Ascent=round(scale * line.ascent),
        Descent=round(scale * line.descent),
        CapHeight=round(scale * font["OS/2"].sCapHeight),
        StemV=80,
        FontFile2=pdf.make_indirect(pdf.make_stream(buffer.getvalue(), Length1=len(buffer.getvalue()))),
    )
    return pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.TrueType,
            BaseFont=pikepdf.Name("/ABCDEF+NotoSans-Regular"),
            Encoding=pikepdf.Name.WinAnsiEncoding,
            FirstChar=PRINTABLE[0],
            LastChar=PRINTABLE[-1],
            Widths=[round(scale * widths[names[code]][0]) for code in PRINTABLE],
            FontDescriptor=pdf.make_indirect(descriptor),
        )
    )
