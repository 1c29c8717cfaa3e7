"""YAML with the line of every value, and what YAML itself lets pass: the same key twice."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

YamlPath = tuple[str | int, ...]


class YamlError(Exception):
    """The text is no YAML; `line` counts from 1."""

    def __init__(self, found: str, line: int) -> None:
        super().__init__(found)
        self.found = found
        self.line = line


@dataclass(frozen=True)
class Document:
    """A parsed file: plain data, and where each value stands."""

    path: Path
    data: Any
    lines: dict[YamlPath, int] = field(repr=False)
    repeated: tuple[YamlPath, ...] = ()
    """Keys that stand twice in one mapping: YAML would silently keep the last."""

    def line_of(self, path: YamlPath) -> int:
        """Of the value, or of the nearest one around it that stands in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(path: Path) -> Document:
    """Raises YamlError, OSError."""
    try:
        return parse_document(path, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError as error:
        raise YamlError(f"the file is not UTF-8 text ({error.reason} at byte {error.start})", 1) from error


def parse_document(path: Path, text: str) -> Document:
    """Raises YamlError."""
    try:
        loader = yaml.CSafeLoader(text)
        node = loader.get_single_node()
        repeated: list[YamlPath] = []
        lines = dict(_walk(node, (), repeated)) if node is not None else {}
        data = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(error.problem or str(error), mark.line + 1 if mark else 1) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(f"it cannot be read: {error}", 1) from error
    return Document(path, data, lines, tuple(repeated))


def _walk(node: Any, path: YamlPath, repeated: list[YamlPath]) -> Iterator[tuple[YamlPath, int]]:
    yield path, node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(item, (*path, index), repeated)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            if name in seen:
                repeated.append((*path, name))
            seen.add(name)
            for inner, line in _walk(value, (*path, name), repeated):
                yield inner, key.start_mark.line + 1 if inner == (*path, name) else line
