"""`uv run batch`: start, follow and report batches. It never deploys: it starts runs of what is live."""

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.markup import escape

from shared.errors import ConfigError, TransientError

app = typer.Typer(
    help="Start, follow and report batches of documents.", no_args_is_help=True, pretty_exceptions_enable=False
)
errors = Console(stderr=True, highlight=False)


@app.command()
def run(
    workflow: Annotated[str, typer.Argument(help="A deployed workflow, such as ocr-intake, or FLOW/DEPLOYMENT")],
    source: Annotated[Optional[Path], typer.Option(help="Folder (or file) to read")] = None,  # noqa: UP045 - typer
    destination: Annotated[Optional[Path], typer.Option(help="Folder for the outputs")] = None,  # noqa: UP045
    here: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(help="Run the steps on this one file in this process: no Prefect, no fork, breakpoints work"),
    ] = None,
    settings: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option("--set", help="A parameter, such as languages=eng,deu or budget.max_pages=50; may be repeated"),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only look, and forecast what the batch costs")] = False,  # noqa: FBT002
    report: Annotated[Optional[Path], typer.Option(help="Write the batch report here, as JSON")] = None,  # noqa: UP045
) -> None:
    """Start a run of the deployed workflow over SOURCE and follow it; Ctrl-C leaves it running."""
    if here is not None:
        from shared.commands.here import run_here

        if destination is None:
            raise typer.BadParameter("name the folder for the outputs", param_hint="--destination")
        run_here(workflow, here, destination, settings or [])
        return
    if source is None:
        raise typer.BadParameter("name the folder to read", param_hint="--source")
    from shared.commands.follow import run_and_follow

    raise typer.Exit(run_and_follow(workflow, source, destination, settings or [], dry_run=dry_run, report=report))


@app.command()
def status(limit: Annotated[int, typer.Option(help="How many batches, newest first")] = 10) -> None:
    """List the latest batches of the ledger with their counts."""
    from shared.commands.show import show_status

    show_status(limit)


@app.command("report")
def report_command(
    batch: Annotated[str, typer.Argument(help="Id of a batch, or the start of it")],
    receipts: Annotated[
        Path | None, typer.Option(help="Write every input with its receipt here, as JSON lines")
    ] = None,
    report: Annotated[Optional[Path], typer.Option("--json", help="Write the report here, as JSON")] = None,  # noqa: UP045
) -> None:
    """Show what became of every input of a batch."""
    from shared.commands.show import show_report

    show_report(batch, receipts=receipts, report=report)


def main() -> None:
    """Entry point: what we understand is one line on stderr and exit code 1; the rest is a traceback."""
    try:
        app()
    except (ConfigError, TransientError) as error:  # A DocumentError can come from `--here` only: as a traceback.
        errors.print("[bold red]batch:[/]", escape(str(error)))
        sys.exit(2 if isinstance(error, ConfigError) else 1)
