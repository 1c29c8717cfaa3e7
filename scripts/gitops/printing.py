"""A plan for a terminal, for a pull request's comment, for a program."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.gitops.problems import Problem
from scripts.gitops.resources import Action, Change, FieldChange, Plan

SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.ADOPT: ("=", "cyan"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.BLOCKED: ("!", "bold red"),
    Action.UNCHANGED: (" ", "dim"),
}
WIDTH = 60
"""Characters of a value that a person is shown."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")
BARS = re.compile(r"(\\*)\|")


def summarize(plan: Plan) -> str:
    counts = {action: len(plan.having(action)) for action in Action}
    told = [f"{count} to {action}" for action, count in counts.items() if count and action in CHANGES]
    told += [f"{counts[Action.BLOCKED]} blocked"] if counts[Action.BLOCKED] else []
    return f"{', '.join(told) or 'no changes'} ({counts[Action.UNCHANGED]} unchanged)"


CHANGES = (Action.CREATE, Action.ADOPT, Action.UPDATE, Action.DELETE)


def print_plan(plan: Plan, console: Console) -> None:
    table = Table.grid(padding=(0, 1))
    for change in plan.changes:
        if change.action is Action.UNCHANGED and not change.note:
            continue
        sign, style = SIGNS[change.action]
        table.add_row(Text(sign, style), Text(change.kind, style), Text(change.name, style), Text(change.note))
        if change.action is not Action.CREATE:
            for field in change.fields:
                table.add_row("", "", Text(f"  {field.path}"), Text(describe(field)))
    if table.row_count:
        console.print(table)
    console.print(summarize(plan))


def describe(change: FieldChange) -> str:
    """`before -> after`; for a whole that came or went, that."""
    if change.before is None and isinstance(change.after, Mapping):
        return "added"
    if change.after is None and isinstance(change.before, Mapping):
        return "removed"
    if change.path == "parameter_schema":
        return "changed"
    return f"{shorten(change.before)} -> {shorten(change.after)}"


def shorten(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def render_markdown(plan: Plan, title: str) -> str:
    """One comment: a headline, then a table of what changes."""
    lines = [f"### {title}", "", summarize(plan), ""]
    rows = list(_rows(plan))
    if rows:
        lines += ["| | what | field | change |", "|---|---|---|---|", *rows]
    return "\n".join(lines).rstrip() + "\n"


def _rows(plan: Plan) -> Iterator[str]:
    for change in plan.pending:
        what = f"{change.kind} `{cell(change.name)}`"
        note = f"`{cell(change.note)}`" if change.note else ""
        yield f"| {change.action} | {what} | | {note} |"
        if change.action is not Action.CREATE:
            yield from (f"| | | `{cell(each.path)}` | `{cell(describe(each))}` |" for each in change.fields)


def cell(text: str) -> str:
    """Untrusted text in a Markdown table: it must neither end the cell nor become markup."""
    plain = CONTROLS.sub(" ", text).replace("`", "'").replace("<", "&lt;").replace("@", "@\u200b")
    # An odd number of backslashes before a bar: an even one would end the cell.
    return BARS.sub(lambda found: "\\" * (2 * len(found[1]) + 1) + "|", plain)


def render_json(plan: Plan) -> str:
    return json.dumps({"changes": [_change(change) for change in plan.changes], "summary": summarize(plan)}, indent=1)


def _change(change: Change) -> dict[str, Any]:
    return {
        "kind": change.kind,
        "name": change.name,
        "action": change.action,
        "fields": [{"path": each.path, "before": each.before, "after": each.after} for each in change.fields],
        "note": change.note,
    }


def print_problems(problems: Sequence[Problem], form: str, console: Console) -> None:
    if form == "json":
        rows = [{**vars(problem), "file": problem.file.as_posix()} for problem in problems]
        print(json.dumps({"problems": rows}, indent=1))
        return
    for problem in problems:
        console.print(_annotate(problem) if form == "github" else str(problem), markup=False)
    if form == "text":
        console.print(f"{len(problems)} problem{'s' * (len(problems) != 1)} found" if problems else "nothing found")


def _annotate(problem: Problem) -> str:
    """A workflow command of GitHub Actions, escaped as its runner expects."""
    message = problem.found + (f"; {problem.instead}" if problem.instead else "")
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    file = problem.file.as_posix().replace("%", "%25").replace(",", "%2C").replace(":", "%3A")
    kind = "error" if problem.is_certain else "warning"
    return f"::{kind} file={file},line={problem.line},title=gitops check::{escaped}"
