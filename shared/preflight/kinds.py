"""What a file is, by its content: names and suffixes are not believed."""

import re
from enum import StrEnum
from pathlib import Path

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason

# Acrobat accepts the header anywhere in the first 1024 bytes (PDF 1.7, appendix H.3, note 13).
HEADER_WINDOW_BYTES = 1024
TAIL_WINDOW_BYTES = 2048


class Kind(StrEnum):
    PDF = "pdf"
    TIFF = "tiff"
    PNG = "png"
    JPEG = "jpeg"


_IMAGES = (
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    # BigTIFF, for files above 4 GB.
    (b"II+\x00", Kind.TIFF),
    (b"MM\x00+", Kind.TIFF),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"\xff\xd8\xff", Kind.JPEG),
)
_OTHER_IMAGES = (
    (b"GIF8", "GIF image"),
    (b"BM", "Windows bitmap"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 image"),
    (b"\x97JB2\r\n\x1a\n", "JBIG2 image"),
    (b"8BPS", "Photoshop image"),
    (b"AT&TFORM", "DjVu document"),
)
_OTHERS = (
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (b"%!PS", "a PostScript program"),
    (b"{\\rtf", "an RTF document"),
    (b"<?xml", "XML"),
    (b"\x1f\x8b", "gzip data"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
)
_PDF_TRACE = re.compile(rb"startxref\s+\d+|/Type\s*/(?:Catalog|Page)\b")


def find_kind(path: Path, budget: Budget) -> Kind:
    """Raises DocumentError for what is empty, above `max_megabytes`, or none of the four kinds."""
    size = path.stat().st_size
    if size == 0:
        raise DocumentError(Reason.EMPTY_FILE, "The file has no content; ask for it to be sent again.")
    if size > budget.max_megabytes * 1_000_000:
        raise DocumentError(
            Reason.TOO_BIG,
            f"The file has {size / 1_000_000:.0f} MB and the budget allows {budget.max_megabytes}; "
            "split it or raise max_megabytes.",
            depends_on=("budget.max_megabytes",),
        )
    with path.open("rb") as stream:
        head = stream.read(HEADER_WINDOW_BYTES)
        stream.seek(max(0, size - TAIL_WINDOW_BYTES))
        tail = stream.read()
    return _find_kind_of(head, tail)


def _find_kind_of(head: bytes, tail: bytes) -> Kind:
    for magic, kind in _IMAGES:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head:
        return Kind.PDF
    _check_other_image(head)
    for magic, name in _OTHERS:
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(magic):
            raise DocumentError(
                Reason.NOT_A_DOCUMENT,
                f"The content is {name}, not a PDF or an image; convert it to PDF or keep it out of the source.",
            )
    # A damaged start of file takes the header away, and readers find the rest from the end.
    if _PDF_TRACE.search(tail) or _PDF_TRACE.search(head):
        return Kind.PDF
    raise DocumentError(
        Reason.NOT_A_DOCUMENT,
        "The content is neither a PDF nor a TIFF, PNG or JPEG image; check what was put into the source.",
    )


def _check_other_image(head: bytes) -> None:
    names = [name for magic, name in _OTHER_IMAGES if head.startswith(magic)]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        names.append("WebP image")
    if head[4:12] in {b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif"}:
        names.append("HEIF image")
    if names:
        raise DocumentError(
            Reason.IMAGE_UNSUPPORTED,
            f"The content is a {names[0]}, which is not taken in; convert it to TIFF, PNG, JPEG or PDF.",
        )
