"""Measures on this machine, with the embedded server, beside what a user would pick instead."""

import argparse
import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from scripts.benchmarks.telling import note, tell
from shared.errors import MailroomError


def main() -> int:
    options = _parse_arguments()
    # Standard output is for the result alone.
    with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory(prefix="mailroom-bench-") as drawn:
        try:
            result = _measure(options, Path(drawn))
        except MailroomError as error:
            note(f"[bold red]bench:[/] {error}")
            return 2
    tell(result, as_json=options.json)
    return 0


def _measure(options: argparse.Namespace, drawn: Path) -> dict[str, Any]:
    # Help must not wait for Prefect.
    from scripts.benchmarks.compose import measure_compose  # noqa: PLC0415
    from scripts.benchmarks.documents import draw_scans  # noqa: PLC0415
    from scripts.benchmarks.gitops import measure_gitops  # noqa: PLC0415
    from scripts.benchmarks.kills import measure_kills  # noqa: PLC0415
    from scripts.benchmarks.memory import measure_memory  # noqa: PLC0415
    from scripts.benchmarks.ocr import measure_ocr  # noqa: PLC0415
    from scripts.benchmarks.profile import measure_profile  # noqa: PLC0415
    from scripts.benchmarks.small import FEW, MANY, measure_small  # noqa: PLC0415

    if options.benchmark == "small":
        on_compose = options.stack == "compose"
        return measure_compose(options.documents, FEW, MANY) if on_compose else measure_small(options.rounds)
    if options.benchmark == "gitops":
        return measure_gitops(options.rounds)
    if options.benchmark == "kills":
        return measure_kills(options.workflows)
    corpus = os.environ.get("MAILROOM_CORPUS")
    scans = options.folder or (Path(corpus) / "scans" if corpus else draw_scans(drawn))
    if options.benchmark == "memory":
        return measure_memory(scans)
    if options.benchmark == "profile":
        return measure_profile(scans)
    truth = options.truth or (Path(corpus) / "truth" if corpus else None)
    return measure_ocr(scans, truth, options.rounds, options.big_pages)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    commands = parser.add_subparsers(dest="benchmark", required=True)
    ocr = commands.add_parser(
        "ocr", help="scans, against xargs and against the bare recogniser; about 5 minutes a round"
    )
    ocr.add_argument(
        "--truth", type=Path, help="page images with their text beside them (default: MAILROOM_CORPUS/truth)"
    )
    ocr.add_argument("--big-pages", type=int, default=50, help="of the one long scan (default: 50)")
    small = commands.add_parser("small", help="1,000 and 10,000 born-digital pages; about 30 minutes")
    small.add_argument(
        "--stack", choices=("embedded", "compose"), default="embedded", help="compose: the one that is up on this host"
    )
    small.add_argument(
        "--documents",
        type=Path,
        default=Path("/srv/mailroom/documents"),
        help="with --stack compose: the folder of this host that runs see as /documents",
    )
    memory = commands.add_parser("memory", help="growth over 10,000 documents, peaks of long ones; about 15 minutes")
    profile = commands.add_parser("profile", help="where the core-seconds of a run go; about 3 minutes")
    gitops = commands.add_parser("gitops", help="10, 100 and 500 workflows, beside prefect deploy; about 20 minutes")
    kills = commands.add_parser("kills", help="apply, rollback and prune, each killed half-way and healed")
    kills.add_argument("--workflows", type=int, default=500)
    for command in (ocr, memory, profile):
        command.add_argument(
            "folder", nargs="?", type=Path, help="scanned PDFs (default: MAILROOM_CORPUS/scans, or some that are drawn)"
        )
    for command in (ocr, small, gitops):
        command.add_argument("--rounds", type=int, default=3)
    for command in (ocr, small, memory, profile, gitops, kills):
        command.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
