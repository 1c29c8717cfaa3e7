"""`scripts/bench profile`: where the core-seconds of a run go, beside the bare recogniser.

Inside a child by instrumenting the steps in a process of its own (`python -m scripts.benchmarks.profile FOLDER`), one
document after the other; around it by the accounts of a deployed run.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

from scripts.benchmarks.documents import link_documents
from scripts.benchmarks.floor import measure_floor
from scripts.benchmarks.page_images import draw_page_images
from scripts.benchmarks.stand import open_stand
from scripts.benchmarks.telling import describe_machine
from shared.ledger import Ledger
from shared.sandbox.process import render_environment

PHASES = {
    "recognition": ("flows.ocr_intake.readers", "LibraryReader.read"),
    "first_look": ("flows.ocr_intake.look", "look_at"),
    "page_images": ("ocrmypdf._pipelines._common", "rasterize"),
    "text_layer": ("ocrmypdf._graft", "OcrGrafter.finalize"),
    "pdfa": ("flows.ocr_intake.document", "archive"),
    "verification": ("flows.ocr_intake.document", "check_pdf"),
}
"""What is timed; none of them calls another."""


def measure_profile(folder: Path) -> dict[str, Any]:
    """Core-seconds, all of one run over the folder's PDFs."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch:
        place = Path(scratch)
        source, empty = link_documents(folder, place / "source"), place / "empty"
        empty.mkdir()
        images = draw_page_images(source, place / "images")
        inside = _measure_inside(source)
        with open_stand() as stand:
            fixed, cost = stand.run(empty), stand.run(source)
            floor = measure_floor(images, stand.settings.cores)
        with closing(Ledger.open(cost.ledger_url)) as ledger:
            children = sum(receipt.core_seconds for receipt in ledger.receipts(cost.report.batch).values())
    own = cost.minus(fixed)
    around = own.core_seconds - children - own.server_core_seconds - own.flow_core_seconds
    return {
        "benchmark": "profile",
        "machine": describe_machine(),
        "compared": "core-seconds of one deployed run, less an empty one; inside its children, the same documents one"
        " after the other in one process; tesserocr alone on the same page images",
        "pages_recognised": len(images),
        "floor": floor,
        "run": own.core_seconds,
        "children": children,
        "server": own.server_core_seconds,
        "flow_process": own.flow_core_seconds,
        "fork_server_and_worker": around,
        "inside_the_children": inside,
    }


def _measure_inside(source: Path) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, str(source)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=render_environment()).stdout
    result: dict[str, float] = json.loads(told)
    return result


def profile_steps(folder: Path) -> dict[str, float]:
    """Phase -> CPU seconds; `rest` is what no phase covers."""
    from flows.ocr_intake import steps  # noqa: PLC0415 - this process alone opens documents
    from shared.budgets import Budget  # noqa: PLC0415
    from shared.workflows import Job  # noqa: PLC0415

    parameters = steps.Parameters()
    steps.warm(parameters)
    spent: Counter[str] = Counter()
    for phase, (module, name) in PHASES.items():
        _instrument(module, name, lambda seconds, phase=phase: spent.update({phase: seconds}))  # type: ignore[misc]
    started = time.process_time()
    for document in sorted(folder.iterdir()):
        with tempfile.TemporaryDirectory() as scratch:
            steps.work(Job(document, Path(scratch), parameters, Budget()))
    total = time.process_time() - started
    return {**{phase: spent[phase] for phase in PHASES}, "rest": total - sum(spent.values()), "all": total}


def _instrument(module: str, name: str, add: Callable[[float], None]) -> None:
    owner: Any = import_module(module)
    *classes, attribute = name.split(".")
    for each in classes:
        owner = getattr(owner, each)
    original = getattr(owner, attribute)

    @wraps(original)
    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.process_time()
        try:
            return original(*arguments, **options)
        finally:
            add(time.process_time() - started)

    setattr(owner, attribute, timed)


if __name__ == "__main__":
    print(json.dumps(profile_steps(Path(sys.argv[1]))))
