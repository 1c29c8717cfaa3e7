"""What every child shares by fork: libraries imported, models loaded, OCRmyPDF's plugins in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version

import pikepdf.pdfa  # noqa: F401 - imported here for the children
import pypdfium2
import tesserocr
from ocrmypdf._plugin_manager import OcrmypdfPluginManager

from flows.ocr_intake.models import check_languages, compute_model_version, find_data_folder
from flows.ocr_intake.plugin import build_plugin_manager
from flows.ocr_intake.recogniser import Recogniser


@dataclass(frozen=True)
class Engines:
    recogniser: Recogniser
    manager: OcrmypdfPluginManager
    versions: Mapping[str, str]
    """`engine.<name>` -> version."""


@lru_cache(maxsize=1)
def load_engines(languages: tuple[str, ...]) -> Engines:
    """Raises ConfigError where a language has no data here. The last set stays loaded."""
    folder = find_data_folder()
    check_languages(languages, folder)
    tesseract = tesserocr.tesseract_version().split()[1]
    recogniser = Recogniser(languages, folder)
    return Engines(
        recogniser,
        build_plugin_manager(recogniser, tesseract),
        {
            "engine.tesseract": tesseract,
            "engine.model": compute_model_version(languages, folder),
            "engine.ocrmypdf": version("ocrmypdf"),
            "engine.pikepdf": version("pikepdf"),
            "engine.pdfium": str(pypdfium2.PDFIUM_INFO.version),
        },
    )
