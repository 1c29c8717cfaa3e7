"""The instants of a schedule, by Prefect's own reckoning: the server's scheduler asks the same classes."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from prefect._vendor.croniter.croniter import CroniterBadDateError
from prefect.server.schemas.schedules import MAX_ITERATIONS, CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.types._datetime import parse_datetime

STEP = timedelta(hours=12)
SHORTEST_STEP = timedelta(minutes=5)


class Schedule(Protocol):
    def _get_dates_generator(
        self, n: int | None, start: datetime | None, end: datetime | None
    ) -> Iterator[datetime]: ...


def read_schedule(fields: Mapping[str, Any]) -> Schedule:
    """Of the canonical fields of a declared schedule."""
    # Without validation: the fields were checked, and the models look for a time zone in all of the system's files.
    zone = fields.get("timezone")
    if "cron" in fields:
        return CronSchedule.model_construct(cron=fields["cron"], day_or=fields.get("day_or", True), timezone=zone)
    if "rrule" in fields:
        return RRuleSchedule.model_construct(rrule=fields["rrule"], timezone=zone or "UTC")
    interval, anchor = timedelta(seconds=fields["interval"]), fields.get("anchor_date")
    if not anchor:
        return IntervalSchedule(interval=interval)
    start: Any = parse_datetime(anchor)
    return IntervalSchedule.model_construct(interval=interval, anchor_date=start, timezone=zone)


def find_instants(schedule: Schedule, start: datetime, end: datetime, most: int = 20_000) -> list[datetime]:
    """From `start` (included) to `end` (not), in UTC, at most so many.

    Prefect looks at a thousand candidates and no more: where those are not enough, it is asked step by step. Around a
    change of clocks the answer may depend on where a look begins (see `shifts`), so one look is better.
    """
    found = _look(schedule, start, end)
    if len(found) < MAX_ITERATIONS:
        return [each for each in found if each < end][:most]
    step, here, found = STEP, start, []
    while here < end and len(found) < most:
        until = min(here + step, end)
        some = _look(schedule, here, until)
        if len(some) >= MAX_ITERATIONS and step > SHORTEST_STEP:
            step /= 2
            continue
        found += [each for each in some if each < until and (not found or each > found[-1])]
        here = until
    return found[:most]


def _look(schedule: Schedule, start: datetime, end: datetime) -> list[datetime]:
    try:
        return sorted(_plain(each) for each in schedule._get_dates_generator(None, start, end))
    except CroniterBadDateError:
        return []


def find_next(schedule: Schedule, start: datetime) -> datetime | None:
    """None: it never fires again."""
    try:
        found = next(iter(schedule._get_dates_generator(1, start, None)), None)
    except CroniterBadDateError:
        return None
    return _plain(found) if found else None


def _plain(instant: datetime) -> datetime:
    """Prefect's are of a class of their own, whose sums may lack a time zone."""
    return datetime.fromtimestamp(instant.timestamp(), UTC)


@cache
def find_clock_changes(zone: str, start: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """Instants (UTC, to the minute) at which the clocks of a zone are changed, and by how much."""
    found, here, place = [], start, ZoneInfo(zone)
    while here < end:
        then = min(here + timedelta(days=1), end)
        if moved := _offset(then, place) - _offset(here, place):
            found.append((_bisect(here, then, place), moved))
        here = then
    return found


def _bisect(low: datetime, high: datetime, place: ZoneInfo) -> datetime:
    while high - low > timedelta(minutes=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(middle, place) == _offset(low, place) else (low, middle)
    return high.replace(second=0, microsecond=0)


def _offset(instant: datetime, place: ZoneInfo) -> timedelta:
    return instant.astimezone(place).utcoffset() or timedelta()
