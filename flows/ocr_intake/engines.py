"""What every child shares by fork: libraries imported, models loaded, OCRmyPDF's plugins in place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import version

import pypdfium2
from ocrmypdf._plugin_manager import OcrmypdfPluginManager
from PIL import Image

from flows.ocr_intake.models import check_languages, compute_model_version, find_data_folder
from flows.ocr_intake.page_executor import PageExecutor
from flows.ocr_intake.parameters import Recognition
from flows.ocr_intake.plugin import build_plugin_manager
from flows.ocr_intake.readers import open_reader
from flows.ocr_intake.recogniser import Recogniser

# Libraries import these on first use: half of what a page costs beside its recognition, paid by every child again.
LATE_MODULES = (
    "fontTools.subset",
    "fontTools.varLib.instancer",
    "ocrmypdf._validation_coordinator",
    "ocrmypdf.fpdf_renderer",
    "pikepdf.pdfa",
)


@dataclass(frozen=True)
class Engines:
    recogniser: Recogniser
    executor: PageExecutor
    manager: OcrmypdfPluginManager
    versions: Mapping[str, str]
    """`engine.<name>` -> version."""


@lru_cache(maxsize=1)
def load_engines(languages: tuple[str, ...], recognition: Recognition) -> Engines:
    """Raises ConfigError where a language has no data, or Tesseract is not here. The last set stays loaded."""
    _import_late_modules()
    folder = find_data_folder()
    check_languages(languages, folder)
    reader = open_reader(recognition, languages, folder)
    recogniser = Recogniser(reader, languages)
    executor = PageExecutor(recogniser.readings)
    return Engines(
        recogniser,
        executor,
        build_plugin_manager(recogniser, executor, reader.version),
        {
            "engine.tesseract": reader.version,
            "engine.model": compute_model_version(languages, folder),
            "engine.ocrmypdf": version("ocrmypdf"),
            "engine.pikepdf": version("pikepdf"),
            "engine.pdfium": str(pypdfium2.PDFIUM_INFO.version),
        },
    )


def _import_late_modules() -> None:
    for name in LATE_MODULES:
        import_module(name)
    # fontTools' own list of the modules that it finds by the tables in a font.
    import_module("fontTools.ttLib.tables")._moduleFinderHint()
    Image.init()
