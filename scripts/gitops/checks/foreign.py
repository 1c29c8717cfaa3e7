"""`prefect.yaml` files of any repository, by Prefect's own meaning: what it would skip or ignore without a word."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prefect.cli.deploy._models import (
    ConcurrencyLimitSpec,
    DeploymentConfig,
    PrefectYamlModel,
    RawScheduleConfig,
    WorkPoolConfig,
)
from pydantic import BaseModel, ValidationError

from scripts.gitops.canonical import find_schedule_fault
from scripts.gitops.placeholders import find_placeholders
from scripts.gitops.problems import Problem
from scripts.gitops.yaml_lines import Document, YamlError, YamlPath, read_document

FILE = "prefect.yaml"
NOT_THEIRS = frozenset({"node_modules", "site-packages", "venv", "__pycache__"})
TEMPLATE_MARKS = ("{%", "{{cookiecutter", "{{ cookiecutter")
"""A template for a file is not that file."""
CLOSE = 0.8
"""Likeness above which an unknown key is a mistyped one; Prefect ignores all others, and so do we."""
DUMMY_SCHEDULE = ("cron", "interval", "rrule")


def check_foreign(root: Path) -> list[Problem]:
    """`root` may be a file. Unknown keys are let pass unless they look like a known one."""
    paths = [root] if root.is_file() else sorted(_find_files(root))
    base = root.parent if root.is_file() else root
    return sorted({problem for path in paths for problem in _check_file(base, path)})


def _find_files(root: Path) -> Iterator[Path]:
    for path in root.rglob(FILE):
        parts = path.relative_to(root).parts
        if (
            not any(part.startswith(".") or part in NOT_THEIRS or "{{" in part for part in parts[:-1])
            and path.is_file()
        ):
            yield path


def _check_file(base: Path, path: Path) -> Iterator[Problem]:
    place = path.relative_to(base)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
        if any(mark in text for mark in TEMPLATE_MARKS):
            return
        document = read_document(path)
    except YamlError as error:
        yield Problem(place, error.line, f"no valid YAML, and Prefect skips the file: {error.found}", rule="yaml")
        return
    except OSError as error:
        yield Problem(place, 1, f"the file cannot be read: {error.strerror}", rule="yaml")
        return
    document = Document(place, document.data, document.lines, document.repeated)
    if document.data is None:
        return
    if not isinstance(document.data, dict):
        found = f"the file holds a {type(document.data).__name__}, and Prefect skips it"
        yield Problem(place, 1, found, "write a mapping with the key deployments", "value")
        return
    for repeated in document.repeated:
        line = document.line_of(repeated)
        yield Problem(
            place, line, f"the key {repeated[-1]} stands twice here, and only the last one counts", "keep one"
        )
    yield from _check_models(document)
    yield from _check_keys(document, (), document.data, PrefectYamlModel)
    deployments = document.data.get("deployments")
    if isinstance(deployments, list):
        yield from _check_deployments(document, deployments)


def _check_models(document: Document) -> Iterator[Problem]:
    try:
        PrefectYamlModel.model_validate(document.data)
    except ValidationError as error:
        at: dict[YamlPath, Any] = {}
        for details in error.errors():
            place = _path_in(document, details["loc"])
            # A schedule is a union of many shapes: what is said of the one that people write tells most.
            if place not in at or (RAW in details["loc"] and RAW not in at[place]["loc"]):
                at[place] = details
        for place, details in at.items():
            where = ".".join(str(step) for step in place)
            unknown = details["type"] == "extra_forbidden"
            said = f"unknown key {details['loc'][-1]}" if unknown else details["msg"]
            yield Problem(
                document.path, document.line_of(place), f"{where}: {said}; Prefect skips the whole file", rule="value"
            )


RAW = RawScheduleConfig.__name__


def _path_in(document: Document, loc: tuple[str | int, ...]) -> YamlPath:
    """The part of pydantic's location that is a place in the file."""
    path: YamlPath = ()
    for step in loc:
        if (*path, step) not in document.lines:
            break
        path = (*path, step)
    return path


def _check_deployments(document: Document, deployments: list[Any]) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(deployments):
        if not isinstance(item, dict):
            continue
        place: YamlPath = ("deployments", index)
        yield from _check_keys(document, place, item, DeploymentConfig)
        inner: tuple[tuple[str, type[BaseModel]], ...] = (
            ("work_pool", WorkPoolConfig),
            ("concurrency_limit", ConcurrencyLimitSpec),
        )
        for key, model in inner:
            if isinstance(item.get(key), dict):
                yield from _check_keys(document, (*place, key), item[key], model)
        yield from _check_schedules(document, place, item)
        identity = (str(item.get("entrypoint")), str(item.get("name")))
        known = item.get("entrypoint") and item.get("name") and not any(find_placeholders(list(identity)))
        if known and identity in seen:
            found = f"{item['name']} of {item['entrypoint']} is declared twice: the second overwrites the first"
            yield Problem(document.path, document.line_of((*place, "name")), found, rule="twice")
        seen.add(identity)


def _check_schedules(document: Document, place: YamlPath, item: Mapping[str, Any]) -> Iterator[Problem]:
    schedules = item.get("schedules")
    slugs: set[str] = set()
    for index, schedule in enumerate(schedules if isinstance(schedules, list) else []):
        if not isinstance(schedule, dict) or any(find_placeholders(schedule)) or "schedule" in schedule:
            continue
        line = document.line_of((*place, "schedules", index))
        stated = [name for name in DUMMY_SCHEDULE if schedule.get(name) is not None]
        is_raw = len(stated) == 1 and not set(schedule) - set(RawScheduleConfig.model_fields)
        if is_raw and (fault := find_schedule_fault(schedule)):
            yield Problem(document.path, line, fault, rule="schedule")
        slug = schedule.get("slug")
        if slug and slug in slugs:
            yield Problem(document.path, line, f"the slug {slug} is used twice", "give it its own", "slug")
        slugs.add(str(slug))


def _check_keys(
    document: Document, place: YamlPath, data: Mapping[str, Any], model: type[BaseModel]
) -> Iterator[Problem]:
    known = [info.alias or name for name, info in model.model_fields.items()]
    for key in data:
        if key in known or not isinstance(key, str):
            continue
        near = difflib.get_close_matches(key, [name for name in known if name not in data], 1, CLOSE)
        if near:
            found = f"unknown key {key}, which Prefect ignores"
            yield Problem(document.path, document.line_of((*place, key)), found, f"write {near[0]}", "unknown-key")
