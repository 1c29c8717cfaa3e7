"""What a user would type instead: OCRmyPDF's program under xargs, on every core."""

import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

OPTIONS = ("--mode", "skip", "--output-type", "pdfa-2", "--pdfa-backend", "internal", "--optimize", "0", "-l", "eng")
"""As the workflow's defaults; Ghostscript is of no use to either."""
ONE_THREAD = ("--jobs", "1")


@dataclass(frozen=True)
class Spent:
    wall_seconds: float
    core_seconds: float
    failed: int


def run_xargs(documents: Sequence[Path], target: Path, cores: int, *, one_thread: bool) -> Spent:
    """`xargs -P$(nproc) ocrmypdf` over the documents, the largest first where it has one thread each."""
    target.mkdir(parents=True)
    ordered = sorted(documents, key=lambda path: -path.stat().st_size) if one_thread else sorted(documents)
    program = str(Path(sys.executable).with_name("ocrmypdf"))
    words = [program, "--quiet", *OPTIONS, *(ONE_THREAD if one_thread else ())]
    script = f'exec {shlex.join(words)} "$1" {shlex.quote(str(target))}/"$(basename "$1")".pdf'
    names = b"".join(os.fsencode(path) + b"\0" for path in ordered)
    before, started = _children_core_seconds(), time.monotonic()
    subprocess.run(
        ["xargs", "-0", f"-P{cores}", "-I{}", "sh", "-c", script, "sh", "{}"],
        input=names,
        env={**os.environ, **({"OMP_THREAD_LIMIT": "1"} if one_thread else {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,  # What fails is counted below.
    )
    wall_seconds = time.monotonic() - started
    failed = sum(not (target / f"{path.name}.pdf").is_file() for path in documents)
    return Spent(wall_seconds, _children_core_seconds() - before, failed)


def check_program() -> None:
    """ConfigError where OCRmyPDF's program could not read a page."""
    if subprocess.run(["sh", "-c", "command -v tesseract"], capture_output=True, check=False).returncode:
        raise ConfigError("the comparison needs the program tesseract: apt-get install tesseract-ocr")


def _children_core_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
