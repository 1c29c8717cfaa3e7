"""The page images that a run recognises, as files: made by the run's own code, with a reader that copies.

`python -m scripts.benchmarks.page_images DOCUMENTS FOLDER`, in a process of its own: OCRmyPDF wants the whole process.
"""

import itertools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ocrmypdf.hocrtransform import OcrElement
from ocrmypdf.models.ocr_element import BoundingBox, OcrClass

from flows.ocr_intake.conversion import convert
from flows.ocr_intake.look import look_at
from flows.ocr_intake.page_executor import PageExecutor
from flows.ocr_intake.parameters import Parameters
from flows.ocr_intake.plugin import build_plugin_manager
from flows.ocr_intake.recogniser import Recogniser
from shared.budgets import Budget
from shared.sandbox.process import render_environment
from shared.workflows import Job


@dataclass
class CopyingReader:
    """Reads nothing, and keeps what it was given."""

    folder: Path
    version: str = "none"
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def read(self, image_file: Path, size: tuple[int, int], dpi: float) -> OcrElement:
        shutil.copyfile(image_file, self.folder / f"{next(self._numbers):05}.tif")
        return OcrElement(OcrClass.PAGE, bbox=BoundingBox(0, 0, *size), dpi=dpi)

    def find_turn(self, image_file: Path) -> int:  # noqa: ARG002
        return 0


def draw_page_images(documents: Path, folder: Path) -> list[Path]:
    """A TIFF for every page that a run over `documents` would recognise."""
    folder.mkdir()
    command = [sys.executable, "-m", __spec__.name, str(documents), str(folder)]
    subprocess.run(command, check=True, env=render_environment())
    return sorted(folder.glob("*.tif"))


def write_page_images(documents: Path, folder: Path) -> None:
    """Writes a TIFF for every page that a run over `documents` would recognise."""
    recogniser = Recogniser(CopyingReader(folder), ("eng",))
    manager = build_plugin_manager(recogniser, PageExecutor(recogniser.readings), "none")
    for number, document in enumerate(sorted(path for path in documents.rglob("*") if path.is_file())):
        scratch = folder / f"scratch-{number}"
        scratch.mkdir()
        look = look_at(Job(document, scratch, Parameters(), Budget()))
        recogniser.begin(may_turn=False, max_pixels=float("inf"))
        if look.page_indexes:
            convert(look.source, scratch / "out.pdf", manager, mode="skip", page_indexes=look.page_indexes)
        shutil.rmtree(scratch)


if __name__ == "__main__":
    write_page_images(Path(sys.argv[1]), Path(sys.argv[2]))
