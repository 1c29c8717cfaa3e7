"""Measures on this machine, with the embedded server, beside what a user would pick instead."""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.benchmarks.telling import console, tell
from shared.errors import MailroomError


def main() -> int:
    options = _parse_arguments()
    # Standard output is for the result alone.
    with contextlib.redirect_stdout(sys.stderr):
        console.file = sys.stderr
        try:
            result = _measure(options)
        except MailroomError as error:
            console.print(f"[bold red]bench:[/] {error}")
            return 2
    console.file = sys.stdout
    tell(result, as_json=options.json)
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    # Help must not wait for Prefect.
    from scripts.benchmarks.documents import draw_scans  # noqa: PLC0415
    from scripts.benchmarks.ocr import measure_ocr  # noqa: PLC0415

    corpus = os.environ.get("MAILROOM_CORPUS")
    truth = options.truth or (Path(corpus) / "truth" if corpus else None)
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as drawn:
        folder = options.folder or (Path(corpus) / "scans" if corpus else draw_scans(Path(drawn)))
        return measure_ocr(folder, truth, options.rounds)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    ocr = commands.add_parser("ocr", help="scans, against xargs and against the bare recogniser")
    ocr.add_argument(
        "folder", nargs="?", type=Path, help="scanned PDFs (default: MAILROOM_CORPUS/scans, or drawn ones)"
    )
    ocr.add_argument(
        "--truth", type=Path, help="page images with their text beside them (default: MAILROOM_CORPUS/truth)"
    )
    ocr.add_argument("--rounds", type=int, default=3)
    ocr.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
