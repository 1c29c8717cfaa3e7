"""Tesseract in this process: its models are loaded once, before the fork, and shared by every child."""

import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import tesserocr
from ocrmypdf.hocrtransform import HocrParser, OcrElement
from PIL import Image

from flows.ocr_intake.models import has_orientation_model

BADLY_READ_BELOW = 60.0
"""Mean word confidence under which a page may lie on its side; upright pages that read worse are rare."""
ORIENTATION_CONFIDENCE = 1.0
"""Tesseract's own unit; the second reading decides, so a weak hint is enough to try it."""
_HOCR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml"><head/><body>{}</body></html>'
)


@dataclass(frozen=True)
class Reading:
    """What was read on one page image."""

    text: str
    tree: OcrElement
    confidences: tuple[float, ...]
    """Per word, 0..100, in reading order."""
    size: tuple[int, int]

    @property
    def words(self) -> int:
        return len(self.confidences)

    @property
    def mean_confidence(self) -> float | None:
        return sum(self.confidences) / self.words if self.words else None

    @property
    def score(self) -> float:
        """Confidence mass: a turned page gives few words with little confidence, or many with none."""
        return sum(self.confidences)


@dataclass
class Recogniser:
    """Engines with their models loaded, and what they read on the pages of one document."""

    languages: Sequence[str]
    data_folder: Path
    readings: dict[int, Reading] = field(default_factory=dict)
    """By page index."""
    doubtful: set[int] = field(default_factory=set)
    """Indexes of pages that read badly, whether or not turning them helped."""
    turns: dict[int, int] = field(default_factory=dict)
    """Page index -> degrees, clockwise, by which the page had to be turned before it could be read."""
    may_turn: bool = True
    max_pixels: float = math.inf
    """Of one page drawn for recognition."""

    def __post_init__(self) -> None:
        folder = f"{self.data_folder}/"
        self._reader = tesserocr.PyTessBaseAPI(
            path=folder, lang="+".join(self.languages), psm=tesserocr.PSM.AUTO, oem=tesserocr.OEM.DEFAULT
        )
        self._compass = None
        if has_orientation_model(self.data_folder):
            self._compass = tesserocr.PyTessBaseAPI(path=folder, lang="osd", psm=tesserocr.PSM.OSD_ONLY)

    def begin(self, *, may_turn: bool, max_pixels: float) -> None:
        """Forget the document before."""
        self.max_pixels = max_pixels
        self.readings.clear()
        self.doubtful.clear()
        self.turns.clear()
        self.may_turn = may_turn

    def read_page(self, image_file: Path, page_index: int) -> Reading:
        """Reads a page once: a later call with an image of the same size gets the first answer."""
        known = self.readings.get(page_index)
        with Image.open(image_file) as image:
            size = image.size
        if known is not None and known.size == size:
            return known
        reading = self._read_upright(image_file, page_index)
        self.readings[page_index] = reading
        return reading

    def _read_upright(self, image_file: Path, page_index: int) -> Reading:
        reading = self._read(image_file)
        if (reading.mean_confidence or 0.0) >= BADLY_READ_BELOW:
            return reading
        self.doubtful.add(page_index)
        may_turn = self.may_turn and page_index not in self.turns
        degrees = self._find_turn(image_file) if may_turn else 0
        if not degrees:
            return reading
        with tempfile.TemporaryDirectory() as folder:
            turned_file = Path(folder) / "turned.png"
            _turn_image(image_file, turned_file, degrees)
            turned = self._read(turned_file)
        if turned.score <= reading.score:
            return reading
        self.turns[page_index] = degrees
        return turned

    def _read(self, image_file: Path) -> Reading:
        reader = self._reader
        with Image.open(image_file) as image:
            size, dpi = image.size, image.info.get("dpi", (300.0, 300.0))[0]
        try:
            reader.SetImageFile(str(image_file))
            reader.SetSourceResolution(round(dpi))
            reader.Recognize()
            text, hocr = reader.GetUTF8Text(), reader.GetHOCRText(0)
        finally:
            reader.Clear()
            # What the engine learns from one document must not colour the next.
            reader.ClearAdaptiveClassifier()
        tree = _parse_hocr(hocr, dpi)
        confidences = tuple(100 * (word.confidence or 0.0) for word in tree.words if word.text.strip())
        return Reading(text if confidences else "", tree, confidences, size)

    def _find_turn(self, image_file: Path) -> int:
        """Degrees, clockwise, that would bring the page upright; 0 where that is not known."""
        if self._compass is None:
            return 0
        self._compass.SetImageFile(str(image_file))
        found = self._compass.DetectOrientationScript()
        self._compass.Clear()
        if not found or found["orient_conf"] < ORIENTATION_CONFIDENCE:
            return 0
        # The answer says how far the page is turned; it goes back the same way.
        return (360 - int(found["orient_deg"])) % 360


def _turn_image(source: Path, target: Path, degrees: int) -> None:
    # Pillow turns counter-clockwise.
    turns = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}
    with Image.open(source) as image:
        image.transpose(turns[degrees]).save(target, dpi=image.info.get("dpi", (300, 300)), compress_level=1)


def _parse_hocr(hocr: str, dpi: float) -> OcrElement:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".hocr") as stream:
        stream.write(_HOCR.format(hocr))
        stream.flush()
        tree = HocrParser(stream.name).parse()
    tree.dpi = tree.dpi or dpi
    return tree
