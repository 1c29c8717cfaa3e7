"""What is left to do for a batch, and in which order: pure."""

from collections.abc import Iterable, Mapping, Sequence
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
    def bytes_to_work(self) -> int:
        return 0 if self.receipt else self.size


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


def order_items(items: Iterable[Item]) -> list[Item]:
    """Longest first, so that no core waits at the end for a long document that began late.

    Bytes stand for time: exact enough for an order, and had without opening anything.
    """
    return sorted(items, key=lambda item: (-item.bytes_to_work, item.location))
