"""Tesseract as a library in this process, or as a program beside it: both give a page as a tree of words."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ocrmypdf.hocrtransform import HocrParser, OcrElement

from flows.ocr_intake.models import has_orientation_model
from flows.ocr_intake.parameters import Recognition
from shared.errors import ConfigError

ORIENTATION_CONFIDENCE = 1.0
"""Tesseract's own unit; the second reading decides, so a weak hint is enough to try it."""


class Reader(Protocol):
    """Reads page images; `version` names Tesseract's, and how it is reached."""

    version: str

    def read(self, image_file: Path, size: tuple[int, int], dpi: float) -> OcrElement:
        """The page with its paragraphs, lines and words; `size` is the image's, in pixels."""

    def find_turn(self, image_file: Path) -> int:
        """Degrees, clockwise, that would bring the page upright; 0 where that is not known."""


def open_reader(recognition: Recognition, languages: Sequence[str], data_folder: Path) -> Reader:
    """Raises ConfigError where that way of recognition is not installed."""
    if recognition is Recognition.PROGRAM:
        return ProgramReader(languages, data_folder)
    return LibraryReader(languages, data_folder)


class LibraryReader:
    """Its models are loaded once, before the fork, and shared by every child."""

    def __init__(self, languages: Sequence[str], data_folder: Path) -> None:
        try:
            # Where there is no wheel for it, the program still works.
            import tesserocr  # noqa: PLC0415

            from flows.ocr_intake.tree import read_tree  # noqa: PLC0415
        except ImportError as error:
            raise ConfigError(f"tesserocr cannot be loaded here ({error}); set recognition=program") from error
        folder = f"{data_folder}/"
        self.version = f"{tesserocr.tesseract_version().split()[1]} library"
        self._reader = tesserocr.PyTessBaseAPI(
            path=folder, lang="+".join(languages), psm=tesserocr.PSM.AUTO, oem=tesserocr.OEM.DEFAULT
        )
        self._read_tree = read_tree
        self._compass = None
        if has_orientation_model(data_folder):
            self._compass = tesserocr.PyTessBaseAPI(path=folder, lang="osd", psm=tesserocr.PSM.OSD_ONLY)

    def read(self, image_file: Path, size: tuple[int, int], dpi: float) -> OcrElement:
        reader = self._reader
        try:
            reader.SetImageFile(str(image_file))
            reader.SetSourceResolution(round(dpi))
            reader.Recognize()
            return self._read_tree(reader, size, dpi)
        finally:
            reader.Clear()
            # What the engine learns from one document must not colour the next.
            reader.ClearAdaptiveClassifier()

    def find_turn(self, image_file: Path) -> int:
        if self._compass is None:
            return 0
        self._compass.SetImageFile(str(image_file))
        found = self._compass.DetectOrientationScript()
        self._compass.Clear()
        if not found or found["orient_conf"] < ORIENTATION_CONFIDENCE:
            return 0
        # The answer says how far the page is turned; it goes back the same way.
        return (360 - int(found["orient_deg"])) % 360


@dataclass
class ProgramReader:
    """A process for every page, which loads the models anew. The document's child starts it, within its budget."""

    languages: Sequence[str]
    data_folder: Path

    def __post_init__(self) -> None:
        if shutil.which("tesseract") is None:
            raise ConfigError(
                "there is no program tesseract on the PATH; on Debian and Ubuntu: apt-get install tesseract-ocr, "
                "or set recognition=library"
            )
        self.version = f"{self._run('--version').split()[1]} program"

    def read(self, image_file: Path, size: tuple[int, int], dpi: float) -> OcrElement:  # noqa: ARG002
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page"
            languages = "+".join(self.languages)
            self._run(str(image_file), str(page), "-l", languages, "--psm", "3", "--dpi", f"{dpi:.0f}", "hocr")
            tree = HocrParser(page.with_suffix(".hocr")).parse()
        tree.dpi = tree.dpi or dpi
        return tree

    def find_turn(self, image_file: Path) -> int:
        if not has_orientation_model(self.data_folder):
            return 0
        try:
            told = self._run(str(image_file), "-", "-l", "osd", "--psm", "0")
        except subprocess.CalledProcessError:  # Its way to say that there are too few characters to tell by.
            return 0
        confidence, degrees = re.search(r"Orientation confidence: ([\d.]+)", told), re.search(r"Rotate: (\d+)", told)
        if not confidence or not degrees or float(confidence[1]) < ORIENTATION_CONFIDENCE:
            return 0
        return int(degrees[1])

    def _run(self, *arguments: str) -> str:
        command = ["tesseract", "--tessdata-dir", str(self.data_folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, errors="replace").stdout
