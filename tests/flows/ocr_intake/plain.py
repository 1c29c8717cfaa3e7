"""OCRmyPDF as anyone would call it, with the same engine: what the workflow is measured against."""

import json
import os
import resource
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import ocrmypdf
import pikepdf
from ocrmypdf._plugin_manager import OcrmypdfPluginManager

from flows.ocr_intake.engines import load_engines
from flows.ocr_intake.parameters import Recognition
from shared.errors import DocumentError
from shared.verification import check_pdf


@dataclass(frozen=True)
class Conversion:
    """What plain OCRmyPDF made of a file; `verified` where the result passes the workflow's own verification."""

    converted: bool
    verified: bool
    text: str


def convert_in_child(document: Path, target: Path, *, seconds: float = 120) -> Conversion:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        answer = _convert(document, target, load_engines(("eng",), Recognition.LIBRARY).manager)
        os.write(writer, json.dumps(answer).encode()[:60_000])
        os._exit(0)
    os.close(writer)
    if not select.select([reader], [], [], seconds)[0]:
        os.kill(child, signal.SIGKILL)
    data = os.read(reader, 1 << 16)
    os.close(reader)
    os.waitpid(child, 0)
    return Conversion(*json.loads(data)) if data else Conversion(converted=False, verified=False, text="")


def _convert(document: Path, target: Path, manager: OcrmypdfPluginManager) -> tuple[bool, bool, str]:
    try:
        code = ocrmypdf.ocr(
            document,
            target,
            mode="skip",
            output_type="pdf",
            image_dpi=None if document.suffix == ".pdf" else 300,
            jobs=1,
            progress_bar=False,
            plugin_manager=manager,
        )
    except BaseException:  # noqa: BLE001 - whatever it is, the file was not converted
        return False, False, ""
    if code != ocrmypdf.ExitCode.ok:
        return False, False, ""
    try:
        with pikepdf.open(target) as pdf:
            pages = len(pdf.pages)
        texts = check_pdf(target, pages)
    except (DocumentError, pikepdf.PdfError):
        return True, False, ""
    return True, True, "\f".join(texts)
