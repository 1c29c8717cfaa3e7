"""Drift for a terminal, for an issue, for a program."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.gitops.drift import Drift, Drifted
from scripts.gitops.printing import SIGNS, cell, shorten
from scripts.gitops.resources import Action, FieldChange

SAYS = {
    Action.CREATE: "is gone from the server",
    Action.ADOPT: "has lost our mark",
    Action.UPDATE: "was changed",
    Action.DELETE: "bears our mark, and was never declared",
    Action.BLOCKED: "cannot be put back",
}


def print_drift(drift: Drift, console: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for each in drift.found:
        sign, style = SIGNS[each.change.action]
        table.add_row(
            Text(f"{sign} {each.change.kind} {each.change.name}", style), Text(_said(each)), Text(_when(each.changed))
        )
        for field in _fields(each):
            table.add_row(
                Text(f"    {field.path}"),
                Text(f"Git {shorten(field.after)}", "green"),
                Text(f"server {shorten(field.before)}", "red"),
            )
    if table.row_count:
        console.print(table)
    for note in _notes(drift):
        console.print(note, markup=False)
    console.print(summarize_drift(drift))


def summarize_drift(drift: Drift) -> str:
    count = len(drift.found)
    told = f"{count} thing{'s' * (count != 1)} not as in" if count else "as in"
    return f"{drift.environment} is {told} {drift.commit}"


def render_drift_markdown(drift: Drift) -> str:
    """One issue: a headline, what differs, and what to do about it."""
    lines = [f"### Drift in {drift.environment}", "", f"{summarize_drift(drift)}, which was applied last.", ""]
    if drift.found:
        lines += ["| what | field | Git says | the server says | changed |", "|---|---|---|---|---|"]
        lines += [row for each in drift.found for row in _rows(each)]
        heal = f"`uv run gitops apply --env {drift.environment}`"
        lines += ["", f"{heal} makes it as Git says. What is to stay goes into Git first."]
    notes = list(_notes(drift))
    lines += ["", *(f"- {cell(note)}" for note in notes)] if notes else []
    return "\n".join(lines).rstrip() + "\n"


def _rows(drifted: Drifted) -> Iterator[str]:
    what = f"{drifted.change.kind} `{cell(drifted.change.name)}`"
    yield f"| {what} {_said(drifted)} | | | | {_when(drifted.changed)} |"
    for field in _fields(drifted):
        said = [f"`{cell(text)}`" for text in (field.path, shorten(field.after), shorten(field.before))]
        yield f"| | {' | '.join(said)} | |"


def _fields(drifted: Drifted) -> tuple[FieldChange, ...]:
    """None of a thing that is gone: all of its fields are."""
    return () if drifted.change.action is Action.CREATE else drifted.change.fields


def _said(drifted: Drifted) -> str:
    note = drifted.change.note if drifted.change.action is Action.BLOCKED else ""
    return SAYS[drifted.change.action] + (f": {cell(note)}" if note else "")


def _notes(drift: Drift) -> Iterator[str]:
    """What people turned off is theirs to turn on."""
    for change in drift.plan.changes:
        if change.note and change.action is not Action.BLOCKED:
            yield f"no drift: {change.kind} {change.name} {change.note}"


def _when(changed: datetime | None) -> str:
    return f"{changed:%Y-%m-%d %H:%M:%S} UTC" if changed else "the server does not say when"


def render_drift_json(drift: Drift) -> str:
    return json.dumps(
        {
            "environment": drift.environment,
            "commit": drift.commit.id,
            "drift": [_row(each) for each in drift.found],
            "notes": list(_notes(drift)),
        },
        indent=1,
    )


def _row(drifted: Drifted) -> dict[str, Any]:
    return {
        "kind": drifted.change.kind,
        "name": drifted.change.name,
        "found": SAYS[drifted.change.action],
        "fields": [{"path": each.path, "git": each.after, "server": each.before} for each in drifted.change.fields],
        "note": drifted.change.note,
        "changed": drifted.changed.isoformat() if drifted.changed else None,
    }
