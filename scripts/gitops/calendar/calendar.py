"""The calendar of a repository: lines, findings and clock changes over some days."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from scripts.gitops.calendar.findings import Finding, find_all
from scripts.gitops.calendar.instants import find_clock_changes
from scripts.gitops.calendar.lines import Known, Line, find_limits, find_readers, make_lines
from scripts.gitops.calendar.shifts import find_shifts
from scripts.gitops.repository import Repository


@dataclass(frozen=True)
class Calendar:
    start: datetime
    end: datetime
    """In UTC."""
    lines: tuple[Line, ...]
    findings: tuple[Finding, ...]
    clock_changes: Mapping[str, Sequence[tuple[datetime, timedelta]]]
    """By zone: instant and shift."""

    @property
    def instants_in_the_way(self) -> dict[str, frozenset[datetime]]:
        """By line; those of a lane or pool count for every line in it."""
        found: dict[str, set[datetime]] = defaultdict(set)
        for finding in self.findings:
            for line in (line for line in self.lines if line.is_on):
                if finding.where in (line.name, line.pool, f"{line.pool}/{line.lane}"):
                    found[line.name] |= set(finding.instants) & set(line.instants)
        return {name: frozenset(instants) for name, instants in found.items()}


def make_calendar(repository: Repository, start: datetime, days: int, known: Known | None = None) -> Calendar:
    """From `start` on, in UTC."""
    window = start, start + timedelta(days=days)
    lines = make_lines(repository, window, known)
    findings = find_all(lines, find_readers(repository), find_limits(repository))
    changes = {zone: find_clock_changes(zone, *window) for zone in sorted({line.zone for line in lines})}
    return Calendar(*window, tuple(lines), tuple(findings), {zone: some for zone, some in changes.items() if some})


def find_conflicts(repository: Repository, start: datetime, days: int, most: int) -> list[Finding]:
    """From the declarations alone. Every schedule is looked at for at most so many instants."""
    lines = make_lines(repository, (start, start + timedelta(days=days)), most=most)
    until = min((line.instants[-1] for line in lines if len(line.instants) == most), default=None)
    together = lines if until is None else [line.until(until) for line in lines]
    found = find_all(together, find_readers(repository), find_limits(repository))
    return [*found, *find_shifts([line for line in lines if line.is_on], start)]


def render_json(calendar: Calendar) -> str:
    return json.dumps(
        {
            "start": calendar.start.isoformat(),
            "end": calendar.end.isoformat(),
            "schedules": [_line(line) for line in calendar.lines],
            "findings": [_finding(finding) for finding in calendar.findings],
            "clock_changes": {
                zone: [{"at": at.isoformat(), "shift_minutes": shift / timedelta(minutes=1)} for at, shift in changes]
                for zone, changes in calendar.clock_changes.items()
            },
        },
        indent=1,
    )


def _line(line: Line) -> dict[str, Any]:
    return {
        "deployment": line.deployment,
        "slug": line.slug,
        "timezone": line.zone,
        "lane": f"{line.pool}/{line.lane}",
        "is_on": line.is_on,
        "minutes": line.lasts / timedelta(minutes=1) if line.lasts else None,
        "minutes_from": line.source,
        "instants": [instant.isoformat() for instant in line.instants],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "where": finding.where,
        "severity": "error" if finding.is_certain else "warning",
        "text": finding.text,
        "instead": finding.instead,
        "instants": [instant.isoformat() for instant in finding.instants],
    }
