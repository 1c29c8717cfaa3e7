"""Success is verified, not believed: a result is opened again, by two readers, before anyone may publish it."""

import unicodedata
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pikepdf
import pypdfium2 as pdfium
from PIL import Image, ImageFilter

from shared.errors import DocumentError
from shared.outcomes import Reason

LOOK_DPI = 100
LOOK_PIXELS = 2_000
"""Longest side of the image on which a page is found blank or not."""
INK_CONTRAST = 24
"""Grey levels, of 255, by which faint ink differs from its paper; JPEG noise on white stays below 20."""
INK_SHARE = 1e-5
"""Of a page: ten pixels of A4 at 100 dpi, a single small digit."""
DUST_SHARE = 5e-5
"""Of a page: what dust leaves at most after thin strokes were taken away; a tick by pen is more."""
MUCH_INK = 0.01
"""Share above which nobody needs to look closer: filtering costs more than the whole look else."""
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
        # Filled fields are drawn only where the form is known before the first page is loaded.
        document.init_forms()
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


def find_image_share(document: pdfium.PdfDocument, page_index: int) -> float:
    """Of the page's area, the part that its largest image covers."""
    try:
        with closing(document[page_index]) as page:
            width, height = page.get_size()
            images = page.get_objects(filter=(pdfium.raw.FPDF_PAGEOBJ_IMAGE,), max_depth=3)
            areas: list[float] = [
                (right - left) * (top - bottom) for left, bottom, right, top in map(_get_bounds, images)
            ]
    except pdfium.PdfiumError:
        return 0.0
    return max(areas, default=0.0) / max(1.0, float(width * height))


def _get_bounds(image: pdfium.PdfObject) -> tuple[float, float, float, float]:
    left, bottom, right, top = image.get_bounds()
    return left, bottom, right, top


def is_blank(image: Image.Image) -> bool:
    """Whether a page shows nothing but its paper. Single pixels are no ink; the thinnest stroke is."""
    shades = image.histogram()
    share = _find_ink_share(shades)
    if share <= INK_SHARE or share > MUCH_INK:
        return share <= INK_SHARE
    # The second darkest of nine pixels, on light paper: a lone pixel goes, a line one pixel wide stays.
    rank = 1 if _find_paper(shades) > 127 else 7
    return _find_ink_share(image.filter(ImageFilter.RankFilter(3, rank)).histogram()) <= INK_SHARE


def is_dust(image: Image.Image) -> bool:
    """Whether a page on which no word could be read shows no more than dust."""
    if _find_ink_share(image.histogram()) > MUCH_INK:
        return False
    return _find_ink_share(image.filter(ImageFilter.MedianFilter(3)).histogram()) <= DUST_SHARE


def _find_paper(shades: list[int]) -> int:
    """The commonest shade; `shades` counts the pixels of each."""
    return shades.index(max(shades))


def _find_ink_share(shades: list[int]) -> float:
    paper = _find_paper(shades)
    ink = sum(count for shade, count in enumerate(shades) if abs(shade - paper) >= INK_CONTRAST)
    return ink / sum(shades)


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
