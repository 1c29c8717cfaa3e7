"""Page images for recognition: drawn by pdfium, in grey or in black and white, and written without compression."""

from contextlib import closing
from pathlib import Path

from ocrmypdf.helpers import Resolution
from PIL import Image
from pypdfium2 import PdfPage

from shared.preflight.bombs import MEGABYTE, too_many_pixels
from shared.verification import open_rendering

POINTS_PER_INCH = 72
BILEVEL_DEVICE = "pngmonod"
ROUNDING_PIXELS = 2


def check_page_size(source: Path, page_number: int, dpi: Resolution[float], max_pixels: float) -> None:
    """Raises DocumentError where the page, drawn whole, is too large."""
    with open_rendering(source) as document, closing(document[page_number - 1]) as page:
        _check_size(page, page_number, dpi, max_pixels)


def draw_for_recognition(
    source: Path, page_number: int, dpi: Resolution[float], device: str, max_pixels: float
) -> Image.Image:
    """The whole MediaBox, as OCRmyPDF expects it, in mode `1` or `L`. Raises DocumentError before a giant is drawn."""
    with open_rendering(source) as document, closing(document[page_number - 1]) as page:
        _check_size(page, page_number, dpi, max_pixels)
        page.set_cropbox(*page.get_mediabox())
        width, height = page.get_size()
        size = round(width * dpi.x / POINTS_PER_INCH), round(height * dpi.y / POINTS_PER_INCH)
        with closing(page.render(scale=dpi.to_scalar() / POINTS_PER_INCH, grayscale=True)) as bitmap:
            image = _fit(bitmap.to_pil(), size)
            # pdfium's buffer goes with its bitmap, so that both ways out are copies. Scanned in black and white, a page
            # has no grey to dither, and a threshold is ten times as fast.
            is_bilevel = device.lower() == BILEVEL_DEVICE
            return image.convert("1", dither=Image.Dither.NONE) if is_bilevel else image.copy()


def write_page_image(image: Image.Image, target: Path, dpi: Resolution[float]) -> None:
    """As TIFF whatever the name: readers go by content, and deflating a PNG costs as much as drawing the page."""
    image.save(target, format="TIFF", dpi=(float(dpi.x), float(dpi.y)))


def _check_size(page: PdfPage, page_number: int, dpi: Resolution[float], max_pixels: float) -> None:
    left, bottom, right, top = page.get_mediabox()
    pixels = abs((right - left) * (top - bottom)) * dpi.x * dpi.y / POINTS_PER_INCH**2
    if pixels > max_pixels:
        raise too_many_pixels(f"Page {page_number}, drawn to be read,", pixels, max_pixels / MEGABYTE)


def _fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Without the pixels by which pdfium rounds up."""
    off = [drawn - meant for drawn, meant in zip(image.size, size, strict=True)]
    return image.crop((0, 0, *size)) if any(off) and all(0 <= each <= ROUNDING_PIXELS for each in off) else image
