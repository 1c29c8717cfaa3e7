"""Whether the text that a page brings along is what the page shows: a band or more of it is read again."""

import re
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image

from flows.ocr_intake.readers import Reader

BANDS = (0.5, 0.25, 0.75)
"""Where their middles lie, from the top of the page; the first that holds enough words will do."""
ENOUGH_WORDS = 15
BAND_HEIGHT = 0.1
DPI = 300
LONGEST_PIXELS = 4_000
SURE = 0.8
"""Word confidence, of 1: what we hardly read ourselves says nothing against the text."""
LEAST_WORDS = 5
AGREEMENT = 0.5
"""Share of surely read words that the text must hold. Measured on 88 pages: 0.66 and more for their own text (most have
0.9), under 0.45 for the text of another page unless both are copies of one form."""
_WORD = re.compile(r"\w{4,}")
"""Short words are the same in every text."""


def is_shown(text: str, document: pdfium.PdfDocument, page_index: int, reader: Reader) -> bool:
    """False only where enough words can be read with certainty, and the text does not hold them."""
    read: Counter[str] = Counter()
    with suppress(pdfium.PdfiumError, ValueError):  # What cannot be drawn speaks against nothing.
        for words in _read_bands(document, page_index, reader):
            read.update(words)
            if read.total() >= ENOUGH_WORDS:
                break
    if read.total() < LEAST_WORDS:
        return True
    return (read & Counter(_WORD.findall(text.casefold()))).total() >= AGREEMENT * read.total()


def _read_bands(document: pdfium.PdfDocument, page_index: int, reader: Reader) -> Iterator[list[str]]:
    with closing(document[page_index]) as page, tempfile.TemporaryDirectory() as folder:
        dpi = min(DPI, LONGEST_PIXELS * 72 / max(1.0, *page.get_size()))
        for band in BANDS:
            image = _draw_band(page, band, dpi)
            path = Path(folder) / "band.tif"
            image.save(path, format="TIFF", dpi=(dpi, dpi))
            tree = reader.read(path, image.size, dpi)
            sure = " ".join(word.text for word in tree.words if (word.confidence or 0) >= SURE)
            yield _WORD.findall(sure.casefold())


def _draw_band(page: pdfium.PdfPage, middle: float, dpi: float) -> Image.Image:
    height = page.get_size()[1]
    above, below = (middle - BAND_HEIGHT / 2) * height, (1 - middle - BAND_HEIGHT / 2) * height
    with closing(page.render(scale=dpi / 72, grayscale=True, crop=(0, below, 0, above))) as bitmap:
        image: Image.Image = bitmap.to_pil().convert("L")
        return image
