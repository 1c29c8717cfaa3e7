"""What the platform declares for some environments only: `environments: [staging, production]` beside its name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.gitops.environment import list_environments
from scripts.gitops.problems import Problem
from scripts.gitops.yaml_lines import Document, YamlPath

KEY = "environments"
SCOPED = ("work_pools", "limits", "variables", "secrets", "automations")


def select(document: Document, environment: str) -> Document:
    """The document as if what is for other environments were not in it; every value keeps its line."""
    if not isinstance(document.data, dict):
        return document
    data, moved = dict(document.data), dict[YamlPath, YamlPath | None]()
    for section in SCOPED:
        items = data.get(section)
        if not isinstance(items, list):
            continue
        kept = [index for index, item in enumerate(items) if _applies(item, environment)]
        data[section] = [items[index] for index in kept]
        for index in range(len(items)):
            moved[section, index] = (section, kept.index(index)) if index in kept else None
    lines = {place: line for path, line in document.lines.items() if (place := _move(path, moved)) is not None}
    return replace(document, data=data, lines=lines)


def check(root: Path, document: Document) -> Iterator[Problem]:
    """Names of environments that are none. Of the whole document."""
    known = ["local", *(name for name in list_environments(root) if name != "local")]
    data = document.data if isinstance(document.data, dict) else {}
    for section in SCOPED:
        for index, item in enumerate(data.get(section) or []):
            for number, name in enumerate(_named(item) or []):
                if name not in known:
                    line = document.line_of((section, index, KEY, number))
                    instead = f"write one of {', '.join(known)}, or add environments/{name}.env"
                    yield Problem(document.path, line, f"there is no environment {name}", instead, "environment")


def _applies(item: Any, environment: str) -> bool:
    named = _named(item)
    return named is None or environment in named


def _named(item: Any) -> list[Any] | None:
    named = item.get(KEY) if isinstance(item, dict) else None
    return named if isinstance(named, list) else None


def _move(path: YamlPath, moved: dict[YamlPath, YamlPath | None]) -> YamlPath | None:
    if path[:2] not in moved:
        return path
    place = moved[path[:2]]
    return None if place is None else (*place, *path[2:])
