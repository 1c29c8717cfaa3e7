"""Schedules that Prefect would refuse, or accept and then not keep; runs that get into each other's way."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scripts.gitops.canonical import find_schedule_fault
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Repository, deployments_of
from scripts.gitops.schema import Schedule
from scripts.gitops.yaml_lines import Document, YamlPath

if TYPE_CHECKING:
    from scripts.gitops.calendar.findings import Finding


HORIZON_DAYS = 15
"""Two weeks: what differs from one to the next is seen."""
ENOUGH = 300
"""Instants of one schedule: what happens every few minutes shows within a day."""


def check(repository: Repository) -> Iterator[Problem]:
    yield from _check_each(repository)
    yield from _check_together(repository)


def _check_together(repository: Repository) -> Iterator[Problem]:
    """Needs Prefect's scheduler: imported only where there are schedules."""
    if not any(item.schedules or found.file.workflow.reads for found, item in deployments_of(repository)):
        return
    from scripts.gitops.calendar.calendar import find_conflicts  # noqa: PLC0415

    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for finding in find_conflicts(repository, today, HORIZON_DAYS, ENOUGH):
        document, line = _place(repository, finding)
        yield Problem(document.path, line, finding.text, finding.instead, finding.rule, finding.is_certain)


def _place(repository: Repository, finding: "Finding") -> tuple[Document, int]:
    """Where it is declared: the schedule, else the workflow, else the pool."""
    assert repository.platform_document is not None
    for declaration in repository.workflows:
        if declaration.folder != finding.folder:
            continue
        for index, item in enumerate(declaration.file.deployments):
            for number, schedule in enumerate(item.schedules):
                if finding.where == f"{item.name} {schedule.slug}":
                    place: YamlPath = ("deployments", index, "schedules", number)
                    return declaration.document, declaration.document.line_of(place)
        return declaration.document, declaration.document.line_of(("workflow", "reads"))
    return repository.platform_document, repository.platform_document.line_of(("work_pools",))


def _check_each(repository: Repository) -> Iterator[Problem]:
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
