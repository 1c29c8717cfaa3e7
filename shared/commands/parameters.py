"""`--set name=value` against a parameter schema: nested names by dots, and short names where only one place fits."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from shared.errors import ConfigError


def parse_settings(settings: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Nested parameters. ConfigError names an unknown parameter and those that exist.

    `schema` is JSON schema as Prefect stores it (`properties`, `definitions`) or as pydantic writes it (`$defs`).
    """
    places = dict(_find_places(schema, schema, ()))
    parameters: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set {setting}: write name=value")
        path = _resolve(name, places)
        _put(parameters, path, _parse_value(text, places[path]))
    return parameters


def _find_places(
    node: Mapping[str, Any], schema: Mapping[str, Any], path: tuple[str, ...]
) -> list[tuple[tuple[str, ...], Mapping[str, Any]]]:
    found: list[tuple[tuple[str, ...], Mapping[str, Any]]] = []
    for name, raw in node.get("properties", {}).items():
        field = _follow(raw, schema)
        here = (*path, name)
        found.append((here, field))
        found.extend(_find_places(field, schema, here))
    return found


def _follow(field: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = field.get("$ref") or next((part["$ref"] for part in field.get("allOf", ()) if "$ref" in part), None)
    if reference is None:
        return field
    definitions: Mapping[str, Any] = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    target: Mapping[str, Any] = definitions[reference.rsplit("/", 1)[-1]]
    return target


def _resolve(name: str, places: Mapping[tuple[str, ...], Any]) -> tuple[str, ...]:
    wanted = tuple(name.split("."))
    fitting = [path for path in places if path == wanted] or [path for path in places if path[-len(wanted) :] == wanted]
    if len(fitting) == 1:
        return fitting[0]
    known = ", ".join(sorted(".".join(path) for path, field in places.items() if "properties" not in field))
    problem = "is ambiguous" if fitting else "is no parameter"
    raise ConfigError(f"--set {name} {problem}; there are {known}")


def _parse_value(text: str, field: Mapping[str, Any]) -> Any:
    if field.get("type") == "array" and not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    if field.get("type") == "string":
        return text
    return yaml.safe_load(text)


def _put(parameters: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        parameters = parameters.setdefault(name, {})
    parameters[path[-1]] = value
