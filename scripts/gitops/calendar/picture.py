"""A calendar for a terminal: a strip of a day for each schedule, on one axis; days that are alike are drawn once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.gitops.calendar.calendar import Calendar
from scripts.gitops.calendar.findings import AT_LEAST, Finding
from scripts.gitops.calendar.lines import Line
from shared.durations import render_duration

EACH_ITS_OWN = 40
"""With more lines than this, a strip is drawn for each lane, and says how many run."""
WIDE = 100
"""Columns from which on a cell is half an hour, not a whole one."""
IDLE, RUNS, SHORT, PAUSED, BAD = "·", "█", "▎", "░", "!"
TOLD = 3
"""Times of a day, or instants of a finding, that are written out."""


@dataclass(frozen=True)
class Row:
    label: str
    cells: str
    note: str
    is_on: bool = True


def print_calendar(calendar: Calendar, console: Console, zone: str) -> None:
    place, count = ZoneInfo(zone), 48 if console.width >= WIDE else 24
    days = list(_find_days(calendar, place))
    drawn = [(day, _draw_day(calendar, day, place, count)) for day in days]
    width = max((len(row.label) for _, rows in drawn for row in rows), default=0)
    table = Table.grid(padding=(0, 1))
    table.add_column(min_width=width)
    table.add_column(width=count, no_wrap=True)
    table.add_row("", Text(_axis(count), "dim"), Text(zone, "dim"))
    for title, rows in _group(drawn):
        table.add_row(Text(title, "bold"), "", "")
        for row in rows:
            table.add_row(Text(f"  {row.label}"), _colour(row), Text(row.note, "" if row.is_on else "dim"))
    console.print(table)
    console.print(Text(f"{RUNS} runs  {SHORT} runs shortly  {BAD} in the way of another  {PAUSED} paused", "dim"))
    told = Table.grid(padding=(0, 1))
    for kind, text in _tell(calendar, place):
        told.add_row(kind, text)
    console.print(told)
    sources = sorted({line.source for line in calendar.lines})
    known = ", ".join(SOURCES[source] for source in sources)
    console.print(f"How long runs take: {known or 'nothing is scheduled'}.", style="dim")


def _find_days(calendar: Calendar, place: ZoneInfo) -> Iterator[date]:
    day = calendar.start.astimezone(place).date()
    while datetime.combine(day, datetime.min.time(), place) < calendar.end:
        yield day
        day += timedelta(days=1)


def _draw_day(calendar: Calendar, day: date, place: ZoneInfo, count: int) -> list[Row]:
    bad = calendar.instants_in_the_way
    if len(calendar.lines) <= EACH_ITS_OWN:
        rows = [_draw_line(line, day, place, count, bad.get(line.name, frozenset())) for line in calendar.lines]
        return [row for row in rows if row.cells.strip(IDLE)]
    key = lambda line: (line.pool, line.lane)  # noqa: E731
    lanes = groupby(sorted(calendar.lines, key=key), key)
    return [_draw_lane(f"{pool}/{lane}", list(lines), day, place, count) for (pool, lane), lines in lanes]


def _draw_line(line: Line, day: date, place: ZoneInfo, count: int, bad: frozenset[datetime]) -> Row:
    cells = [IDLE] * count
    today = [instant for instant in line.instants if instant.astimezone(place).date() == day]
    long = (line.lasts or AT_LEAST) >= timedelta(minutes=12 * 60 // count)
    mark = PAUSED if not line.is_on else RUNS if long else SHORT
    for instant in line.instants:
        for cell in _cells(instant, line.lasts, day, place, count):
            cells[cell] = mark
    for instant in set(today) & bad:
        cells[_cells(instant, None, day, place, count)[0]] = BAD
    return Row(line.name, "".join(cells), _note(line, today), line.is_on)


def _cells(instant: datetime, lasts: timedelta | None, day: date, place: ZoneInfo, count: int) -> range:
    """Those of the day that a run covers, by the clock on the wall."""
    midnight = datetime.combine(day, datetime.min.time())
    begin = (instant.astimezone(place).replace(tzinfo=None) - midnight) / timedelta(days=1)
    end = begin + (lasts or AT_LEAST) / timedelta(days=1)
    if end <= 0 or begin >= 1:
        return range(0)
    return range(max(0, int(begin * count)), min(count, max(int(begin * count) + 1, round(end * count))))


def _note(line: Line, today: Sequence[datetime]) -> str:
    """Times by the schedule's own clock, and how long a run takes."""
    local = [instant.astimezone(ZoneInfo(line.zone)) for instant in today]
    times = " ".join(f"{each:%H:%M}" for each in local) if len(local) <= TOLD else f"{len(local)} a day"
    lasts = f", {render_duration(line.lasts)}" if line.lasts else ""
    paused = "" if line.is_on else ", paused"
    return f"{times} {line.zone.rpartition('/')[2]}{lasts}{paused}" if today else f"until the next day{lasts}"


def _draw_lane(name: str, lines: Sequence[Line], day: date, place: ZoneInfo, count: int) -> Row:
    running = [0] * count
    runs = 0
    for line in lines:
        if line.is_on:
            runs += sum(instant.astimezone(place).date() == day for instant in line.instants)
            for instant in line.instants:
                for cell in _cells(instant, line.lasts, day, place, count):
                    running[cell] += 1
    cells = "".join(IDLE if not number else str(number) if number < 10 else "+" for number in running)
    return Row(name, cells, f"{runs} runs of {len(lines)} schedules, at most {max(running)} in a cell")


def _group(drawn: Iterable[tuple[date, list[Row]]]) -> Iterator[tuple[str, list[Row]]]:
    alike: dict[tuple[Row, ...], list[date]] = {}
    for day, rows in drawn:
        alike.setdefault(tuple(rows), []).append(day)
    every = sum(map(len, alike.values()))
    for alike_rows, days in alike.items():
        rows = list(alike_rows)
        if not rows:
            continue
        names = ", ".join(f"{day:%a %-d %b}" for day in days)
        span = f"{days[0]:%a %-d %b} to {days[-1]:%a %-d %b}"
        yield f"every day, {span}" if len(days) == every > 1 else names, rows


def _axis(count: int) -> str:
    step = count // 8
    return "".join(f"{hour:<{step}}" for hour in range(0, 24, 3))


def _colour(row: Row) -> Text:
    text = Text(row.cells, "cyan" if row.is_on else "dim")
    text.highlight_words([BAD], "bold red")
    text.highlight_words([IDLE], "dim")
    return text


def _tell(calendar: Calendar, place: ZoneInfo) -> Iterator[tuple[Text, str]]:
    for finding in sorted(calendar.findings, key=lambda finding: not finding.is_certain):
        kind = Text("error", "bold red") if finding.is_certain else Text("warning", "yellow")
        yield kind, _say(finding, place)
    for zone, changes in calendar.clock_changes.items():
        for instant, moved in changes:
            way = "forward" if moved > timedelta() else "back"
            yield Text("clocks"), f"{zone}: {render_duration(abs(moved))} {way} at {_when(instant, ZoneInfo(zone))}"


SOURCES: Mapping[str, str] = {
    "history": "as the last ones took (median)",
    "declared": "as expected_minutes declares",
    "unknown": "unknown where neither the server nor expected_minutes tells",
}


def _say(finding: Finding, place: ZoneInfo) -> str:
    shown = [_when(instant, place) for instant in finding.instants[:TOLD]]
    more = len(finding.instants) - len(shown)
    when = f" ({', '.join(shown)}{f' and {more} more' if more > 0 else ''})" if shown else ""
    return f"{finding.text}{when}; {finding.instead}"


def _when(instant: datetime, place: ZoneInfo) -> str:
    return f"{instant.astimezone(place):%a %-d %b %H:%M}"
