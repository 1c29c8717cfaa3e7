"""The recogniser as OCRmyPDF sees it: a plugin that takes the place of the tesseract program."""

from collections.abc import Set
from contextlib import closing
from pathlib import Path

import pluggy
from ocrmypdf import PageContext, hookimpl
from ocrmypdf._options import OcrOptions
from ocrmypdf._plugin_manager import OcrmypdfPluginManager, get_plugin_manager
from ocrmypdf.builtin_plugins import tesseract_ocr
from ocrmypdf.helpers import Resolution
from ocrmypdf.hocrtransform import OcrElement
from ocrmypdf.pdfinfo import PdfInfo
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence
from PIL import Image
from pydantic import BaseModel

from flows.ocr_intake.recogniser import Recogniser
from shared.preflight.bombs import MEGABYTE, too_many_pixels
from shared.verification import open_rendering


class InProcessTesseract(OcrEngine):
    """Hands page images to a recogniser whose models are loaded already."""

    def __init__(self, recogniser: Recogniser, version: str) -> None:
        self._recogniser = recogniser
        self._version = version

    def version(self) -> str:  # type: ignore[override]
        return self._version

    def creator_tag(self, options: OcrOptions) -> str:  # type: ignore[override] # noqa: ARG002
        return f"OCRmyPDF + Tesseract OCR {self._version}"

    def __str__(self) -> str:
        return f"Tesseract OCR {self._version}"

    def languages(self, options: OcrOptions) -> Set[str]:  # type: ignore[override] # noqa: ARG002
        return frozenset(self._recogniser.languages)

    @staticmethod
    def get_orientation(input_file: Path, options: OcrOptions) -> OrientationConfidence:  # noqa: ARG004
        """Never asked: pages are turned before OCRmyPDF sees them, and only those that read badly."""
        return OrientationConfidence(angle=0, confidence=0.0)

    @staticmethod
    def supports_generate_ocr() -> bool:
        return True

    def generate_ocr(  # type: ignore[override]
        self,
        input_file: Path,
        options: OcrOptions,  # noqa: ARG002
        page_number: int = 0,
    ) -> tuple[OcrElement, str]:
        """`page_number` counts from 0 here: the name is OCRmyPDF's."""
        reading = self._recogniser.read_page(input_file, page_number)
        return reading.tree, reading.text

    @staticmethod
    def generate_hocr(input_file: Path, output_hocr: Path, output_text: Path, options: OcrOptions) -> None:
        raise NotImplementedError

    @staticmethod
    def generate_pdf(input_file: Path, output_pdf: Path, output_text: Path, options: OcrOptions) -> None:
        raise NotImplementedError


class RecogniserPlugin:
    """Hooks, bound to one recogniser. OCRmyPDF calls them by name."""

    def __init__(self, recogniser: Recogniser, version: str) -> None:
        self._recogniser = recogniser
        self._engine = InProcessTesseract(recogniser, version)

    @hookimpl
    def initialize(self, plugin_manager: pluggy.PluginManager) -> None:
        # It insists on the program, which is not installed.
        plugin_manager.set_blocked(tesseract_ocr.__name__)

    @hookimpl
    def register_options(self) -> dict[str, type[BaseModel]]:
        # OCRmyPDF's own validation reads options.tesseract whatever the engine.
        return {"tesseract": tesseract_ocr.TesseractOptions}

    @hookimpl
    def get_ocr_engine(self, options: OcrOptions | None) -> OcrEngine:  # noqa: ARG002
        return self._engine

    @hookimpl
    def filter_ocr_image(self, page: PageContext, image: Image.Image) -> Image.Image:
        # Tesseract takes no side above 32767 pixels.
        smaller: Image.Image = tesseract_ocr.filter_ocr_image(page, image)
        return smaller

    @hookimpl
    def rasterize_pdf_page(self, input_file: Path, raster_dpi: Resolution[float], pageno: int) -> None:
        """Raises DocumentError before a giant page is drawn; otherwise leaves the drawing to OCRmyPDF."""
        with open_rendering(input_file) as document, closing(document[pageno - 1]) as page:
            # OCRmyPDF draws the whole MediaBox, whatever the CropBox.
            left, bottom, right, top = page.get_mediabox()
        pixels = abs((right - left) * (top - bottom)) * raster_dpi.x * raster_dpi.y / 72**2
        if pixels > self._recogniser.max_pixels:
            raise too_many_pixels(f"Page {pageno}, drawn to be read,", pixels, self._recogniser.max_pixels / MEGABYTE)

    @hookimpl
    def validate(self, pdfinfo: PdfInfo, options: OcrOptions) -> None:
        """Pages are chosen by the text that readers can extract, and OCRmyPDF goes by text operators.

        It would skip a page whose fonts map to no characters: exactly the page that needs to be read.
        """
        if options.mode == "skip" and options.pages:
            for page in pdfinfo.pages:
                if page is not None and page.pageno in options.pages:
                    page._has_text = False


def build_plugin_manager(recogniser: Recogniser, version: str) -> OcrmypdfPluginManager:
    manager = get_plugin_manager([])
    manager.pluggy_manager.register(RecogniserPlugin(recogniser, version), name="mailroom-recogniser")
    return manager
