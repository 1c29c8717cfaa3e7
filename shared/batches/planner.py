"""Sorts a batch's inputs: settled at once (unreadable, duplicate, reused), or to be worked on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.batches.intake import Arrival
from shared.batches.plan import Copies, Item, Sorting, find_current, find_firsts, is_judged_alike, settle_at_sight
from shared.batches.request import Request
from shared.ledger import Input, Ledger, OutputFile, Receipt
from shared.ledger.ledger import Settlement
from shared.outcomes import Outcome, Reason
from shared.publishing import Destination


class Planner:
    """Reads the ledger and the destination; writes nothing."""

    def __init__(
        self, request: Request, ledger: Ledger, destination: Destination, conditions: Mapping[str, Any]
    ) -> None:
        self._request = request
        self._ledger = ledger
        self._destination = destination
        self._conditions = conditions

    def sort(self, arrivals: Sequence[Arrival], rows: Iterable[Input]) -> Sorting:
        """`rows` are the batch's inputs in the ledger, those of an earlier attempt of the same batch among them."""
        sorting = Sorting()
        pending = {row.location for row in rows if row.outcome is None}
        firsts = find_firsts(arrivals)
        receipts = self._ledger.find_receipts(self._request.workflow, firsts)
        current = {digest: find_current(known, self._conditions) for digest, known in receipts.items()}
        copies = self._ledger.find_copies(receipt.id for receipt in current.values() if receipt)
        for arrival in arrivals:
            if arrival.location in pending:
                receipt = current.get(arrival.digest or "")
                self._place(sorting, arrival, firsts, receipt, copies.get(receipt.id, ()) if receipt else ())
        gone = pending - {arrival.location for arrival in arrivals}
        sorting.settled.extend(map(_settle_gone, sorted(gone)))
        return sorting

    def _place(
        self, sorting: Sorting, arrival: Arrival, firsts: Mapping[str, str], receipt: Receipt | None, copies: Copies
    ) -> None:
        end = settle_at_sight(arrival, firsts) or (self._reuse(arrival, receipt, copies) if receipt else None)
        if end is not None:
            sorting.settled.append(end)
        else:
            assert arrival.digest is not None  # An input without a digest is settled at sight.
            item = Item(arrival.location, arrival.path, arrival.digest, arrival.size, receipt, tuple(copies))
            sorting.items.append(item)

    def _reuse(self, arrival: Arrival, receipt: Receipt, copies: Copies) -> Settlement | None:
        """The end of an input whose result is judged as before and stands where it should; else None."""
        if receipt.outcome != Outcome.QUARANTINED:
            judgement = self._request.steps.judge(receipt.facts, self._request.parameters)
            if not is_judged_alike(receipt, judgement):
                return None
        here = [copy for copy in copies if self._is_ours(copy, arrival.location)]
        if not here or not all(self._stands(copy) for copy in here):
            return None
        reason = Reason(receipt.reason) if receipt.reason else None
        return Settlement(arrival.location, Outcome(receipt.outcome), reason, receipt.found, receipt.id, reused=True)

    def _is_ours(self, copy: OutputFile, location: str) -> bool:
        return copy.destination == str(self._request.destination.resolve()) and copy.location == location

    def _stands(self, copy: OutputFile) -> bool:
        target = self._destination.target(copy.path)
        return target.is_file() and target.stat().st_size == copy.size


def _settle_gone(location: str) -> Settlement:
    found = "it was there when the batch began and has gone since"
    return Settlement(location, Outcome.QUARANTINED, Reason.UNREADABLE, found)
