"""The main job from nothing: embedded server, pool, deployment, worker, one batch, its report."""

import argparse
import sys
from pathlib import Path

from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console

from scripts.demo_documents import draw_demo
from scripts.embedded import log_file, start_server, start_worker, stop_embedded
from scripts.gitops.printing import summarize
from scripts.gitops.verbs import apply_embedded
from shared.commands.follow import run_and_follow
from shared.embedded import Embedded, read_embedded
from shared.errors import ConfigError, MailroomError
from shared.settings import ROOT, Settings

console = Console(highlight=False)

WORKFLOW = "ocr-intake"
POOL = "local"


def main() -> int:
    options = _parse_arguments()
    settings = Settings()
    try:
        if options.down:
            stopped = stop_embedded(settings)
            console.print("server and worker are stopped" if stopped else "nothing was up")
            return 0
        return _demonstrate(options, settings)
    except MailroomError as error:
        console.print(f"[bold red]demo:[/] {error}")
        return 2


def _demonstrate(options: argparse.Namespace, settings: Settings) -> int:
    source, destination = _choose_folders(options, settings)
    was_up = read_embedded(settings) is not None
    try:
        embedded = bring_up(settings)
        console.print(f"reading   {source}")
        with temporary_settings({PREFECT_API_URL: embedded.api_url}):
            code = run_and_follow(WORKFLOW, source, destination, [], dry_run=False, report=options.report)
        _tell_places(destination, settings, embedded, stays=was_up or options.keep)
    finally:
        if not (was_up or options.keep):
            stop_embedded(settings)
    return code


def bring_up(settings: Settings) -> Embedded:
    """Server, pools and lanes, the deployment, a worker; what is up already stays as it is."""
    with console.status("starting the embedded Prefect server"):
        embedded = start_server(settings)
    console.print(f"server    {embedded.ui_url}")
    with console.status("deploying"), temporary_settings({PREFECT_API_URL: embedded.api_url}):
        plan = apply_embedded(ROOT, lambda _line: None)
    console.print(f"gitops    {summarize(plan)}")
    start_worker(settings, embedded, POOL)
    console.print(f"worker    pool {POOL}, log {log_file(settings, 'worker')}")
    return embedded


def _choose_folders(options: argparse.Namespace, settings: Settings) -> tuple[Path, Path]:
    if options.folder is None:
        inbox = settings.state / "demo" / "inbox"
        draw_demo(inbox)
        return inbox, options.output or settings.state / "demo" / "output"
    if not options.folder.exists():
        raise ConfigError(f"{options.folder} does not exist: name a folder with scans")
    name = options.folder.resolve().name or "root"
    return options.folder, options.output or settings.state / "output" / name


def _tell_places(destination: Path, settings: Settings, embedded: Embedded, *, stays: bool) -> None:
    console.print(f"\noutputs   {destination}")
    console.print(f"ledger    {settings.ledger}")
    if stays:
        console.print(f"dashboard {embedded.ui_url} (stop it: scripts/demo --down)")
    else:
        console.print("dashboard scripts/demo --keep leaves server and worker up")


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="scans to read (default: a handful drawn by code)")
    parser.add_argument("--output", type=Path, help="where the outputs go (default: below the state folder)")
    parser.add_argument("--report", type=Path, help="write the batch report here, as JSON")
    parser.add_argument("--keep", action="store_true", help="leave server and worker up")
    parser.add_argument("--down", action="store_true", help="stop what --keep left up")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
