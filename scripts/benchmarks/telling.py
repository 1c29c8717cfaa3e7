"""A benchmark's result: one JSON object, or a table for people."""

import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(highlight=False)
errors = Console(highlight=False, stderr=True)
PACKAGES = ("prefect", "ocrmypdf", "tesserocr", "pikepdf", "pypdfium2")


def describe_machine() -> dict[str, Any]:
    """What the numbers hold for."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def note(line: str) -> None:
    """What was measured so far, for who waits; standard output is for the result."""
    errors.print(line)


def tell(result: Mapping[str, Any], *, as_json: bool) -> None:
    """Every name of the result is a row; mappings inside it become `name.inner`."""
    if as_json:
        print(json.dumps(result, indent=1))
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for name, value in _flatten(result):
        table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    console.print(table)


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows.extend(_flatten(value, f"{prefix}{name}."))
        else:
            rows.append((f"{prefix}{name}", value))
    return rows
