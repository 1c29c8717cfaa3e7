"""What a change of clocks does to a schedule: a run at another hour than declared, once too often, or not at all."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scripts.gitops.calendar.findings import Finding
from scripts.gitops.calendar.instants import Schedule, find_clock_changes, find_instants
from scripts.gitops.calendar.lines import Line

A_YEAR = timedelta(days=366)
A_DAY = timedelta(days=1)
INSTEAD = "schedule it at another hour, or in UTC"
SELDOM = 3
"""Runs a day up to which each of them is meant for its hour."""


def find_shifts(lines: Iterable[Line], start: datetime) -> Iterator[Finding]:
    """Over the coming year. What runs more often than a few times a day is meant to shift with the clocks."""
    for line in lines:
        compare = _compare_hours if line.keeps_hours else _compare_looks
        place = ZoneInfo(line.zone)
        for at, moved in find_clock_changes(line.zone, start, start + A_YEAR):
            if line.keeps_hours and not _is_near(line, at, moved, place):
                continue
            if said := compare(line.reckoned, at, place):
                text = f"on {at.astimezone(place):%a %-d %b %Y} the clocks of {line.zone} change, and it {said}"
                instead = INSTEAD if line.keeps_hours else "write it as cron, at an hour that every day has"
                yield Finding("clocks", line.name, text, instead, line.folder)


def _is_near(line: Line, at: datetime, moved: timedelta, place: ZoneInfo) -> bool:
    """Whether some run is due at a time of day that the change leaves out or repeats."""
    after = at.astimezone(place).replace(tzinfo=None)
    low, high = sorted((after, after - moved))
    hours = {instant.astimezone(place).time() for instant in line.instants}
    return any(low <= datetime.combine(low, hour) < high for hour in hours)


def _compare_looks(reckoned: Schedule, at: datetime, place: ZoneInfo) -> str:
    """Prefect makes runs days ahead. Looking again after the change, it may find other hours, and makes those too."""
    window = at + 2 * A_DAY, at + 9 * A_DAY
    ahead = [each for each in find_instants(reckoned, at - 2 * A_DAY, window[1]) if each >= window[0]]
    again = find_instants(reckoned, *window)
    if not ahead or ahead == again:
        return ""
    hours = [f"{each.astimezone(place):%H:%M}" for each in (ahead[0], again[0])]
    return f"runs twice on the days that were scheduled ahead: at {' and at '.join(hours)}"


def _compare_hours(reckoned: Schedule, at: datetime, place: ZoneInfo) -> str:
    """The day of the change beside the same weekday a week before and after; empty where it is like either."""
    changed, *others = (_times(reckoned, at + days * A_DAY, place) for days in (0, -7, 7))
    usual = others[0] if others[0] == others[1] else None
    if usual is None or changed == usual or len(usual) > SELDOM:
        return ""
    if not changed:
        return f"does not run, instead of at {' '.join(usual)}"
    return f"runs at {' '.join(changed)} instead of {' '.join(usual)}"


def _times(reckoned: Schedule, at: datetime, place: ZoneInfo) -> list[str]:
    """Of the local day: from its midnight to the next."""
    midnight = at.astimezone(place).replace(hour=0, minute=0, second=0, microsecond=0)
    following = (midnight.replace(tzinfo=None) + A_DAY).replace(tzinfo=place)
    return [f"{each.astimezone(place):%H:%M}" for each in find_instants(reckoned, _utc(midnight), _utc(following))]


def _utc(local: datetime) -> datetime:
    return local.astimezone(ZoneInfo("UTC"))
