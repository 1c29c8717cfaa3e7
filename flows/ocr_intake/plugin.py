"""OCRmyPDF's plugin: how pages are drawn, read and shared out here."""

from collections.abc import Set
from pathlib import Path

import pluggy
from ocrmypdf import Executor, PageContext, hookimpl
from ocrmypdf._options import OcrOptions
from ocrmypdf._plugin_manager import OcrmypdfPluginManager, get_plugin_manager
from ocrmypdf._progressbar import ProgressBar
from ocrmypdf.builtin_plugins import tesseract_ocr
from ocrmypdf.helpers import Resolution
from ocrmypdf.hocrtransform import OcrElement
from ocrmypdf.pdfinfo import PdfInfo
from ocrmypdf.pluginspec import OcrEngine, OrientationConfidence
from PIL import Image
from pydantic import BaseModel

from flows.ocr_intake.page_executor import PageExecutor
from flows.ocr_intake.raster import check_page_size, draw_for_recognition, write_page_image
from flows.ocr_intake.recogniser import Recogniser


class MailroomTesseract(OcrEngine):
    """Hands page images to our recogniser, which reads each page once."""

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

    def __init__(self, recogniser: Recogniser, executor: PageExecutor, version: str) -> None:
        self._recogniser = recogniser
        self._executor = executor
        self._engine = MailroomTesseract(recogniser, version)

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
    def get_executor(self, progressbar_class: type[ProgressBar]) -> Executor:
        self._executor.pbar_class = progressbar_class  # type: ignore[assignment]
        return self._executor

    @hookimpl
    def rasterize_pdf_page(
        self,
        input_file: Path,
        output_file: Path,
        raster_device: str,
        raster_dpi: Resolution[float],
        pageno: int,
        page_dpi: Resolution[float] | None,
        options: OcrOptions,
    ) -> Path | None:
        """Raises DocumentError before a giant page is drawn. None leaves the drawing to OCRmyPDF."""
        limit = self._recogniser.max_pixels
        if not options.lossless_reconstruction:  # The image becomes the page: its colours and its file's type count.
            check_page_size(input_file, pageno, raster_dpi, limit)
            return None
        image = draw_for_recognition(input_file, pageno, raster_dpi, raster_device, limit)
        write_page_image(image, output_file, page_dpi or raster_dpi)
        return output_file

    @hookimpl
    def validate(self, pdfinfo: PdfInfo, options: OcrOptions) -> None:
        """Pages are chosen by the text that readers can extract, and OCRmyPDF goes by text operators.

        It would skip a page whose fonts map to no characters: exactly the page that needs to be read.
        """
        if options.mode == "skip" and options.pages:
            for page in pdfinfo.pages:
                if page is not None and page.pageno in options.pages:
                    page._has_text = False


def build_plugin_manager(recogniser: Recogniser, executor: PageExecutor, version: str) -> OcrmypdfPluginManager:
    manager = get_plugin_manager([])
    manager.pluggy_manager.register(RecogniserPlugin(recogniser, executor, version), name="mailroom-recogniser")
    return manager
