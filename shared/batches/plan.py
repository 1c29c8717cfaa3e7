"""What is left to do for a batch, and in which slices: pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.batches.intake import Arrival
from shared.documents import is_current
from shared.ledger import OutputFile, Receipt
from shared.ledger.ledger import Settlement
from shared.outcomes import Outcome, Reason
from shared.workflows import Judgement

Copies = Sequence[OutputFile]

BYTES_PER_CORE_SECOND = 40_000
"""Of a 300 dpi black-and-white scan, measured; only the order and the size of slices rest on it."""
FIXED_CORE_SECONDS = 0.2
SLICE_SECONDS = (5.0, 60.0)
SLICES_PER_CORE = 8
"""Enough of them that the last ones are short and all cores stay busy to the end."""


@dataclass(frozen=True)
class Item:
    """One document to work on, or, where a receipt is given, one whose result is only to be published again."""

    location: str
    path: Path
    digest: str
    size: int
    receipt: Receipt | None = None
    copies: tuple[OutputFile, ...] = ()
    """Every file that was published for the receipt, at whatever destination."""

    @property
    def expected_seconds(self) -> float:
        work = 0 if self.receipt else self.size / BYTES_PER_CORE_SECOND
        return FIXED_CORE_SECONDS + work


@dataclass(frozen=True)
class Slice:
    """The work of one task run, done one document after the other."""

    number: int
    items: tuple[Item, ...]


@dataclass
class Sorting:
    """Where each open input goes: settled at once, or to work."""

    settled: list[Settlement] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)


def find_firsts(arrivals: Sequence[Arrival]) -> dict[str, str]:
    """Digest -> the first location, in sorted order, that holds this document."""
    firsts: dict[str, str] = {}
    for arrival in arrivals:
        if arrival.digest:
            firsts.setdefault(arrival.digest, arrival.location)
    return firsts


def settle_at_sight(arrival: Arrival, firsts: Mapping[str, str]) -> Settlement | None:
    """The end of an input that needs no work: unreadable, or a duplicate."""
    if arrival.digest is None:
        return Settlement(arrival.location, Outcome.QUARANTINED, Reason.UNREADABLE, arrival.problem)
    first = firsts[arrival.digest]
    if first != arrival.location:
        return Settlement(arrival.location, Outcome.DUPLICATE, first_location=first)
    return None


def find_current(receipts: Sequence[Receipt], conditions: Mapping[str, Any]) -> Receipt | None:
    """The newest receipt that today's conditions would give again."""
    return next((receipt for receipt in receipts if is_current(receipt.depends_on, conditions)), None)


def is_judged_alike(receipt: Receipt, judgement: Judgement) -> bool:
    return (receipt.outcome, receipt.reason) == (judgement.outcome, judgement.reason)


def cut_slices(items: Sequence[Item], cores: int) -> list[Slice]:
    """Longest documents first, one to a slice where it is long enough; short ones share one."""
    ordered = sorted(items, key=lambda item: (-item.expected_seconds, item.location))
    total = sum(item.expected_seconds for item in ordered)
    target = min(max(total / (cores * SLICES_PER_CORE), SLICE_SECONDS[0]), SLICE_SECONDS[1])
    groups: list[list[Item]] = []
    room = 0.0
    for item in ordered:
        if not groups or room <= 0:
            groups.append([])
            room = target
        groups[-1].append(item)
        room -= item.expected_seconds
    return [Slice(number, tuple(group)) for number, group in enumerate(groups, start=1)]
