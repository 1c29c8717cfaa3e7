"""`{{ ... }}` in declarations: found, and resolved as Prefect resolves them, but never to nothing."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.gitops.yaml_lines import YamlPath

PATTERN = re.compile(r"{{\s*([\w.\-\[\]$]+)\s*}}")
"""As `prefect.utilities.templating.PLACEHOLDER_CAPTURE_REGEX`."""
VARIABLE = "prefect.variables."
BLOCK = "prefect.blocks."
AT_RUN_TIME = ("ctx.", "event.", "flow_run.", "deployment.", "automation.", "work_pool.", "work_queue.", "flow.")
"""What the worker or an automation fills in later."""


@dataclass(frozen=True)
class Placeholder:
    path: YamlPath
    name: str
    """Without braces: `$NAME`, `prefect.variables.name`, `prefect.blocks.type.name`, `step-id.output`."""


def find_placeholders(data: Any, path: YamlPath = ()) -> Iterator[Placeholder]:
    if isinstance(data, str):
        yield from (Placeholder(path, name) for name in PATTERN.findall(data))
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from find_placeholders(value, (*path, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from find_placeholders(value, (*path, index))


def resolve(data: Any, values: Mapping[str, Any]) -> Any:
    """`values` by placeholder name. One that is not among them stays as it stands.

    A text that is nothing but a placeholder becomes the value itself, of whatever type, as in Prefect.
    """
    if isinstance(data, str):
        return _resolve_text(data, values)
    if isinstance(data, Mapping):
        return {key: resolve(value, values) for key, value in data.items()}
    if isinstance(data, list):
        return [resolve(value, values) for value in data]
    return data


def _resolve_text(text: str, values: Mapping[str, Any]) -> Any:
    if "{{" not in text:
        return text
    whole = PATTERN.fullmatch(text)
    if whole and whole[1] in values:
        return values[whole[1]]
    return PATTERN.sub(lambda found: str(values[found[1]]) if found[1] in values else found[0], text)
