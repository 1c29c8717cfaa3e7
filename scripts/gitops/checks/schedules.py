"""Schedules that Prefect would refuse, or accept and then not keep."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.gitops.canonical import canonical_schedule
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Repository
from scripts.gitops.schema import Schedule
from scripts.gitops.yaml_lines import Document, YamlPath


def check(repository: Repository) -> Iterator[Problem]:
    for declaration in repository.workflows:
        for index, item in enumerate(declaration.file.deployments):
            seen: set[str | None] = set()
            for number, schedule in enumerate(item.schedules):
                place: YamlPath = ("deployments", index, "schedules", number)
                yield from _check_one(declaration.document, place, schedule, seen)
                seen.add(schedule.slug)


def _check_one(document: Document, place: YamlPath, schedule: Schedule, seen: set[str | None]) -> Iterator[Problem]:
    line = document.line_of(place)
    if not schedule.slug:
        found = "the schedule has no slug: Prefect could neither change nor remove it"
        yield Problem(document.path, line, found, "add slug: and a short name", "slug")
    elif schedule.slug in seen:
        yield Problem(document.path, line, f"the slug {schedule.slug} is used twice", "give it its own", "slug")
    if schedule.interval is not None and not schedule.anchor_date:
        found = "the interval has no anchor_date: every deploy would start it anew"
        yield Problem(document.path, line, found, 'add anchor_date: "2026-01-01T00:00:00Z"', "anchor")
    if fault := find_schedule_fault(schedule.model_dump()):
        yield Problem(document.path, line, fault, rule="schedule")


def find_schedule_fault(item: Mapping[str, Any]) -> str | None:
    """What Prefect's own models have against it."""
    stated = [name for name in ("cron", "interval", "rrule") if item.get(name) is not None]
    if len(stated) != 1:
        return f"a schedule has exactly one of cron, interval and rrule; found {', '.join(stated) or 'none'}"
    try:
        canonical_schedule(item)
    except (ValueError, TypeError) as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return f"{stated[0]} {item[stated[0]]!r}: {lines[2] if len(lines) > 2 else lines[0]}"
    return None
