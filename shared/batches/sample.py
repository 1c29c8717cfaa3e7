"""What work costs here beside what the workflow expects: a few documents are worked on, and their results thrown away.

Hosts differ by a factor of three and pages by another two; a sample meets both.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from shared.sandbox import Report
from shared.workflows import Product

T = TypeVar("T")

SHARE = 0.25
MOST_CORE_SECONDS = 30.0
"""A sample takes no more than this, nor a larger share of what the batch is expected to cost."""


def choose_sample(expected: Sequence[tuple[T, float]]) -> list[tuple[T, float]]:
    """From documents with their expected core-seconds: the median first, then quartiles and so on; at least one."""
    ordered = sorted(expected, key=lambda pair: pair[1])
    room = min(SHARE * sum(seconds for _, seconds in ordered), MOST_CORE_SECONDS)
    chosen: list[tuple[T, float]] = []
    for index in _spread(len(ordered)):
        seconds = ordered[index][1]
        if chosen and seconds > room:
            break
        chosen.append(ordered[index])
        room -= seconds
    return chosen


def find_pace(worked: Sequence[tuple[Report | None, float]]) -> float:
    """Core-seconds measured for one expected; 1 where no document of the sample could be worked on."""
    done = [(report, seconds) for report, seconds in worked if report and isinstance(report.answer, Product)]
    expected = sum(seconds for _, seconds in done)
    return sum(report.core_seconds for report, _ in done) / expected if expected else 1.0


def _spread(count: int) -> Iterator[int]:
    """All indexes below `count`: the middle, the middles of both halves, and so on."""
    seen: set[int] = set()
    parts = 2
    while len(seen) < count:
        for part in range(1, parts, 2):
            index = part * count // parts
            if index not in seen:
                seen.add(index)
                yield index
        parts *= 2
