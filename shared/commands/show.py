"""Reports and lists for a person at a terminal."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shared.batches.report import BatchReport, make_report, read_report, render_receipts
from shared.ledger import Input, Ledger
from shared.locations import render_for_terminal
from shared.outcomes import Outcome
from shared.settings import Settings

console = Console(highlight=False)

ROWS = 20
STYLES: dict[str | None, str] = {
    Outcome.DONE: "green",
    Outcome.DUPLICATE: "cyan",
    Outcome.REVIEW: "yellow",
    Outcome.QUARANTINED: "red",
}


def show_status(limit: int) -> None:
    """The latest batches, newest first."""
    ledger = Ledger.open(Settings().ledger)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in (
        "batch",
        "workflow",
        "begun (UTC)",
        "inputs",
        "done",
        "duplicate",
        "review",
        "quarantined",
        "pending",
    ):
        table.add_column(heading, no_wrap=True)
    for batch in ledger.latest_batches(limit):
        report = make_report(batch, ledger.inputs(batch.id), {})
        counts = (report.inputs, report.done, report.duplicate, report.review, report.quarantined, report.pending)
        name = f"{batch.id[:8]}{' dry' if batch.dry_run else ''}"
        table.add_row(name, batch.workflow, f"{batch.created_at:%Y-%m-%d %H:%M}", *map(str, counts))
    console.print(table)


def show_report(batch: str, *, receipts: Path | None, report: Path | None) -> None:
    """The report on the terminal, and where asked for, in files."""
    ledger = Ledger.open(Settings().ledger)
    summary = read_report(ledger, batch)
    inputs = ledger.inputs(summary.batch)
    print_report(summary, inputs)
    if receipts:
        known = ledger.receipts(summary.batch)
        with receipts.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in render_receipts(inputs, known))
    if report:
        write_json(report, summary.as_json())


def write_json(path: Path, body: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def print_report(report: BatchReport, inputs: Sequence[Input]) -> None:
    """What needs a person first, then the sums."""
    if report.forecast:
        for name, value in report.forecast.items():
            console.print(f"{name.replace('_', ' '):<20} {value}")
        return
    telling = [row for row in inputs if row.outcome != Outcome.DONE]
    if telling:
        table = Table("input", "outcome", "reason", "what was found", box=None, padding=(0, 2, 0, 0))
        table.columns[0].overflow = "fold"  # A name cut short could be another input's.
        for row in telling[:ROWS]:
            style = STYLES.get(row.outcome, "magenta")
            found = f"same as {row.first_location}" if row.first_location else row.found
            cells = (render_for_terminal(row.location), row.outcome or "pending", row.reason or "", found)
            table.add_row(*(escape(cell) for cell in cells), style=style)
        console.print(table)
    if len(telling) > ROWS:
        console.print(
            f"... and {len(telling) - ROWS} more: uv run batch report {report.batch[:8]} --receipts FILE.jsonl"
        )
    console.print(f"\n[bold]{report.sentence}[/]")
    if report.inputs and not report.worked_on:
        console.print("All of it was done already.")
    console.print(
        f"{report.pages} pages, {report.words} words, {report.wall_seconds:.1f} s,"
        f" {report.core_seconds:.1f} core-seconds ({report.fixed_core_seconds:.1f} to start)"
    )
