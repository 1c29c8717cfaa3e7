"""Where runs get into each other's way, or read what is not there yet. Pure: lines in, findings out."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise

from scripts.gitops.calendar.lines import Line, Reader
from shared.durations import render_duration

AT_LEAST = timedelta(minutes=1)
"""Runs of unknown length that start together are together for a moment."""


@dataclass(frozen=True)
class Finding:
    rule: str
    where: str
    """The schedule, as `deployment slug`; else a folder, a pool or a lane."""
    text: str
    instead: str
    folder: str = ""
    instants: tuple[datetime, ...] = ()
    is_certain: bool = False
    """From the declarations alone. Else it rests on how long runs are expected to take."""


def find_all(lines: Sequence[Line], readers: Sequence[Reader], limits: Mapping[str, int]) -> list[Finding]:
    on = [line for line in lines if line.is_on]
    return [
        *_find_ended(lines),
        *_find_twins(on),
        *_find_overlaps(on),
        *_find_crowds(on, limits),
        *_find_cycles(readers),
        *_find_stale(on, readers),
    ]


def _find_ended(lines: Sequence[Line]) -> Iterator[Finding]:
    for line in lines:
        if line.ends:
            text = f"the schedule {line.slug} of {line.deployment} never fires again"
            yield Finding("never", line.name, text, "correct or remove it", is_certain=True, folder=line.folder)


def _find_twins(lines: Sequence[Line]) -> Iterator[Finding]:
    for one, other in combinations(lines, 2):
        if one.deployment != other.deployment or one.parameters != other.parameters:
            continue
        if both := sorted(set(one.instants) & set(other.instants)):
            text = f"the schedules {one.slug} and {other.slug} of {one.deployment} fire at the same instants"
            instead = "keep one, or give them other parameters"
            yield Finding("twins", one.name, text, instead, one.folder, tuple(both), is_certain=True)


def _find_overlaps(lines: Sequence[Line]) -> Iterator[Finding]:
    for line in lines:
        late = [then for before, then in pairwise(line.instants) if line.lasts and then - before < line.lasts]
        if line.lasts and late:
            lasts = render_duration(line.lasts)
            text = f"runs of {line.deployment} take {lasts} ({line.source}), longer than to the next: {_happens(line)}"
            yield Finding("overlap", line.name, text, "fire less often", line.folder, tuple(late))


def _happens(line: Line) -> str:
    if line.limit is None:
        return "they run at the same time"
    return "the next is cancelled" if line.strategy == "CANCEL_NEW" else "they queue up"


def _find_crowds(lines: Sequence[Line], limits: Mapping[str, int]) -> Iterator[Finding]:
    for name, limit in sorted(limits.items()):
        pool, _, lane = name.partition("/")
        here = [line for line in lines if line.pool == pool and lane in ("", line.lane)]
        crowd, instants = _find_peak(here, limit)
        if crowd > limit:
            kind = "lane" if lane else "work pool"
            text = (
                f"the {kind} {name} takes {limit} run{'s' * (limit != 1)} at a time, and {crowd} want to run: they wait"
            )
            yield Finding("crowd", name, text, "spread the schedules, or raise the limit", "", tuple(instants))


def _find_peak(lines: Sequence[Line], limit: int) -> tuple[int, list[datetime]]:
    """The most runs at a time, and the instants at which one too many starts."""
    events = [
        event
        for line in lines
        for instant in line.instants
        for event in ((instant, 1), (instant + (line.lasts or AT_LEAST), -1))
    ]
    running, most, instants = 0, 0, []
    for instant, step in sorted(events):  # An end comes before a start of the same instant.
        running += step
        most = max(most, running)
        if step > 0 and running > limit:
            instants.append(instant)
    return most, instants


def _find_cycles(readers: Sequence[Reader]) -> Iterator[Finding]:
    reads = {reader.folder: reader.reads for reader in readers}
    told: set[str] = set()
    for folder in sorted(reads):
        path = _find_way(reads, folder, folder, ())
        if path and folder not in told:
            told |= set(path)
            text = f"{' reads '.join((*path, folder))}: none of them can be the first"
            yield Finding("cycle", folder, text, "break the circle", is_certain=True, folder=folder)


def _find_way(reads: Mapping[str, Sequence[str]], here: str, goal: str, way: tuple[str, ...]) -> tuple[str, ...]:
    for following in reads.get(here, ()):
        if following == goal:
            return (*way, here)
        if following not in (*way, here) and (found := _find_way(reads, following, goal, (*way, here))):
            return found
    return ()


def _find_stale(lines: Sequence[Line], readers: Sequence[Reader]) -> Iterator[Finding]:
    by_folder: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        by_folder[line.folder].append(line)
    started = {reader.folder for reader in readers if reader.triggered}
    for reader in readers:
        for producer in reader.reads:
            for line in by_folder[reader.folder]:
                if by_folder[producer]:
                    yield from _find_stale_reads(line, reader, producer, by_folder[producer])
                elif reader.max_age and producer not in started:
                    yield _tell_unscheduled(line, producer, reader.max_age)


def _tell_unscheduled(line: Line, producer: str, max_age: timedelta) -> Finding:
    text = f"{line.folder} reads {producer}, at most {render_duration(max_age)} old, and no schedule runs it"
    return Finding("stale", line.name, text, f"schedule {producer}", line.folder)


def _find_stale_reads(line: Line, reader: Reader, producer: str, made_by: Sequence[Line]) -> Iterator[Finding]:
    starts = sorted((instant, each.lasts or timedelta()) for each in made_by for instant in each.instants)
    first = max(starts[0][0] if starts else line.instants[0], line.instants[0]) if line.instants else None
    later = [instant for instant in line.instants if first and instant > first + _longest(starts)]
    running = [at for at in later if any(begin <= at < begin + lasts for begin, lasts in starts)]
    if running:
        text = f"{line.folder} reads {producer}, which is not done by then: it takes {_told(made_by)}"
        yield Finding("early", line.name, text, "schedule it later", line.folder, tuple(running))
    if reader.max_age is None:
        return
    certain = [at for at in later if _age(at, [(begin, timedelta()) for begin, _ in starts]) > reader.max_age]
    likely = [at for at in later if at not in certain and _age(at, starts) > reader.max_age]
    for instants, is_certain in ((certain, True), (likely, False)):
        if instants:
            text = f"what {line.folder} reads of {producer} is older than {render_duration(reader.max_age)} by then"
            instead = f"schedule {producer} more often, or closer before it"
            yield Finding("stale", line.name, text, instead, line.folder, tuple(instants), is_certain=is_certain)


def _longest(starts: Sequence[tuple[datetime, timedelta]]) -> timedelta:
    """Before a run can have ended in the window, nothing is known."""
    return max((lasts for _, lasts in starts), default=timedelta())


def _age(at: datetime, starts: Sequence[tuple[datetime, timedelta]]) -> timedelta:
    """Of the newest result: it is as old as the run's end, by which freshness is measured at run time too."""
    ends = [begin + lasts for begin, lasts in starts if begin + lasts <= at]
    return at - max(ends) if ends else timedelta()


def _told(lines: Sequence[Line]) -> str:
    known = [line for line in lines if line.lasts]
    longest = max(known, key=lambda line: line.lasts or timedelta())
    assert longest.lasts is not None
    return f"{render_duration(longest.lasts)} ({longest.source})"
