"""What is read on the pages of one document: each page once, and turned where it lies on its side."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ocrmypdf.hocrtransform import OcrElement
from PIL import Image

from flows.ocr_intake.packing import PackedPage
from flows.ocr_intake.readers import Reader

BADLY_READ_BELOW = 60.0
"""Mean word confidence under which a page may lie on its side; upright pages that read worse are rare."""


@dataclass(frozen=True)
class Reading:
    """What was read on one page image."""

    text: str
    tree: OcrElement
    words: int
    score: float
    """The words' confidences, 0..100 each, added up: a turned page gives few with little, or many with none."""
    size: tuple[int, int]
    turned: int = 0
    """Degrees, clockwise, by which the page had to be turned before it could be read."""
    is_doubtful: bool = False
    """Read badly as it lay."""

    @property
    def mean_confidence(self) -> float | None:
        return self.score / self.words if self.words else None


@dataclass
class Recogniser:
    """A reader, and what it read on the pages of one document."""

    reader: Reader
    languages: Sequence[str]
    readings: dict[int, Reading] = field(default_factory=dict)
    """By page index."""
    may_turn: bool = True
    max_pixels: float = math.inf
    """Of one page drawn for recognition."""

    def begin(self, *, may_turn: bool, max_pixels: float) -> None:
        """Forget the document before."""
        self.max_pixels = max_pixels
        self.readings.clear()
        self.may_turn = may_turn

    @property
    def turns(self) -> dict[int, int]:
        """Page index -> degrees, clockwise, by which the page had to be turned before it could be read."""
        return {index: reading.turned for index, reading in sorted(self.readings.items()) if reading.turned}

    @property
    def has_doubts(self) -> bool:
        """Whether a page read badly, be it that turning it helped or not."""
        return any(reading.is_doubtful for reading in self.readings.values())

    def read_page(self, image_file: Path, page_index: int) -> Reading:
        """Reads a page once: a later call with an image of the same size gets the first answer."""
        known = self.readings.get(page_index)
        with Image.open(image_file) as image:
            size = image.size
        if known is not None and known.size == size:
            return known
        if known is not None and known.turned:
            reading = replace(self._read(image_file), turned=known.turned, is_doubtful=True)
        else:
            reading = self._read_upright(image_file)
        self.readings[page_index] = reading
        return reading

    def _read_upright(self, image_file: Path) -> Reading:
        reading = self._read(image_file)
        if (reading.mean_confidence or 0.0) >= BADLY_READ_BELOW:
            return reading
        reading = replace(reading, is_doubtful=True)
        degrees = self.reader.find_turn(image_file) if self.may_turn else 0
        if not degrees:
            return reading
        with tempfile.TemporaryDirectory() as folder:
            turned_file = Path(folder) / "turned.tif"
            _turn_image(image_file, turned_file, degrees)
            turned = self._read(turned_file)
        return reading if turned.score <= reading.score else replace(turned, turned=degrees, is_doubtful=True)

    def _read(self, image_file: Path) -> Reading:
        with Image.open(image_file) as image:
            size, dpi = image.size, float(image.info.get("dpi", (300.0, 300.0))[0])
        tree = self.reader.read(image_file, size, dpi)
        confidences = [100 * (word.confidence or 0.0) for word in tree.words if word.text.strip()]
        return Reading(render_text(tree), PackedPage(tree), len(confidences), sum(confidences), size)


def _turn_image(source: Path, target: Path, degrees: int) -> None:
    # Pillow turns counter-clockwise.
    turns = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    with Image.open(source) as image:
        image.transpose(turns[degrees]).save(target, dpi=image.info.get("dpi", (300, 300)))


def render_text(page: OcrElement) -> str:
    """Lines of words, an empty line between paragraphs, as Tesseract writes text; empty where there are no words."""
    paragraphs = (
        "".join(" ".join(word.text for word in line.children) + "\n" for line in paragraph.children)
        for paragraph in page.children
    )
    return "\n".join(paragraphs)
