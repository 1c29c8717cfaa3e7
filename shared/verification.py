"""Success is verified, not believed: a result is opened again, by two readers, before anyone may publish it."""

import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
from PIL import Image, ImageChops, ImageFilter

from shared.errors import DocumentError
from shared.outcomes import Reason

LOOK_DPI = 100
LOOK_PIXELS = 2_000
"""Longest side of the image on which a page is found blank or not."""
INK_CONTRAST = 24
"""Grey levels, of 255, by which faint ink differs from its paper; JPEG noise on white stays below 20."""
INK_SHARE = 1e-5
"""Share of a page that a single printed digit covers: 1 % of a line of an A4 page at 100 dpi."""
_UNMAPPED = frozenset({"Co", "Cn", "Cc", "Cs"})


@contextmanager
def open_rendering(path: Path) -> Iterator[pdfium.PdfDocument]:
    """A PDF as pdfium sees it. Raises DocumentError where it sees none."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError:
        raise DocumentError(
            Reason.DAMAGED, "The document cannot be opened for drawing, even after repair; ask for an intact copy."
        ) from None
    with closing(document):
        yield document


def read_texts(document: pdfium.PdfDocument) -> list[str]:
    """The text of each page, cleaned; empty where a page has none that maps to characters."""
    return [_read_text(document, index) for index in range(len(document))]


def _read_text(document: pdfium.PdfDocument, page_index: int) -> str:
    try:
        with closing(document[page_index]) as page, closing(page.get_textpage()) as textpage:
            return clean_text(textpage.get_text_bounded(errors="replace"))
    except pdfium.PdfiumError:
        # A page that cannot be loaded shows nothing, and has no text.
        return ""


def clean_text(text: str) -> str:
    """Without form feeds, which separate pages, and control characters; empty where nothing in it is a character."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufffe", "").replace("\x02", "-")
    kept = "".join(character for character in lines if character in "\n\t" or _is_character(character))
    return kept if any(not character.isspace() and character != "\ufffd" for character in kept) else ""


def _is_character(character: str) -> bool:
    return (character.isascii() and character.isprintable()) or unicodedata.category(character) not in _UNMAPPED


def draw_page(document: pdfium.PdfDocument, page_index: int) -> Image.Image | None:
    """In grey, at no more than LOOK_DPI and LOOK_PIXELS; None where the page cannot be drawn."""
    try:
        with closing(document[page_index]) as page:
            longest = max(page.get_size())
            scale = min(LOOK_DPI / 72, LOOK_PIXELS / max(longest, 1.0))
            with closing(page.render(scale=scale, grayscale=True)) as bitmap:
                image: Image.Image = bitmap.to_pil().convert("L")
                return image
    except (pdfium.PdfiumError, ValueError):
        return None


def is_blank(image: Image.Image) -> bool:
    """Whether a page shows nothing but its paper: specks of one pixel are dust, not ink."""
    if image.histogram().count(0) == 255:
        return True
    paper = image.filter(ImageFilter.MedianFilter(3))
    shades = paper.histogram()
    background = shades.index(max(shades))
    difference = ImageChops.difference(paper, Image.new("L", paper.size, background))
    ink = sum(difference.histogram()[INK_CONTRAST:])
    return ink <= INK_SHARE * image.width * image.height


def check_pdf(path: Path, pages: int) -> list[str]:
    """Opens a result again and returns its texts. Raises DocumentError where pages were lost or it does not open."""
    try:
        with pikepdf.open(path, suppress_warnings=True) as pdf:
            found = len(pdf.pages)
    except pikepdf.PdfError:
        raise _output_invalid() from None
    if found != pages:
        raise DocumentError(
            Reason.PAGES_LOST, f"The document has {pages} pages and the result {found}; the original is untouched."
        )
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError:
        raise _output_invalid() from None
    with closing(document):
        if len(document) != pages:
            raise DocumentError(
                Reason.PAGES_LOST,
                f"The document has {pages} pages and a second reader finds {len(document)} in the result; "
                "the original is untouched.",
            )
        return read_texts(document)


def _output_invalid() -> DocumentError:
    return DocumentError(
        Reason.OUTPUT_INVALID, "The result does not open, so it is not published; the original is untouched."
    )
