"""The batch report: it adds up, or says what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.ledger import Batch, Input, Ledger, Receipt
from shared.outcomes import Outcome


@dataclass(frozen=True)
class BatchReport:
    """inputs = done + duplicate + review + quarantined + pending; a finished batch has no pending inputs."""

    batch: str
    workflow: str
    source: str
    destination: str
    inputs: int
    done: int
    duplicate: int
    review: int
    quarantined: int
    pending: int
    reused: int
    ignored: int
    reasons: dict[str, int]
    pages: int
    words: int
    wall_seconds: float
    core_seconds: float
    """User and system CPU of the flow's process, its fork server and all their children."""
    fixed_core_seconds: float
    """The part of `core_seconds` spent before the first document could be taken in hand."""
    dry_run: bool = False
    forecast: dict[str, Any] | None = None

    @property
    def failed_share(self) -> float:
        return self.quarantined / self.inputs if self.inputs else 0.0

    @property
    def worked_on(self) -> int:
        """Inputs that were neither duplicates nor settled by an older receipt."""
        return self.inputs - self.duplicate - self.reused - self.pending

    @property
    def sentence(self) -> str:
        """`9 inputs: 6 done, 1 duplicate, 2 quarantined`."""
        counts = {name: getattr(self, name) for name in ("done", "duplicate", "review", "quarantined", "pending")}
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
        noun = "input" if self.inputs == 1 else "inputs"
        return f"{self.inputs} {noun}: {told}" + (f" ({self.reused} reused)" if self.reused else "")

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_report(ledger: Ledger, batch_id: str) -> BatchReport:
    batch = ledger.find_batch(batch_id)
    return make_report(batch, ledger.inputs(batch.id), ledger.receipts(batch.id))


def make_report(batch: Batch, inputs: Sequence[Input], receipts: Mapping[int, Receipt]) -> BatchReport:
    counts = Counter(row.outcome for row in inputs)
    facts = [receipts[row.receipt_id].facts for row in inputs if row.receipt_id and row.receipt_id in receipts]
    return BatchReport(
        batch=batch.id,
        workflow=batch.workflow,
        source=batch.source,
        destination=batch.destination,
        inputs=len(inputs),
        done=counts[Outcome.DONE],
        duplicate=counts[Outcome.DUPLICATE],
        review=counts[Outcome.REVIEW],
        quarantined=counts[Outcome.QUARANTINED],
        pending=counts[None],
        reused=sum(row.reused for row in inputs),
        ignored=batch.ignored,
        reasons=dict(sorted(Counter(row.reason for row in inputs if row.reason).items())),
        pages=sum(fact.get("pages", 0) for fact in facts),
        words=sum(fact.get("words", 0) for fact in facts),
        wall_seconds=round(batch.wall_seconds, 2),
        core_seconds=round(batch.core_seconds, 2),
        fixed_core_seconds=round(batch.fixed_core_seconds, 2),
        dry_run=batch.dry_run,
        forecast=batch.forecast or None,
    )


def render_receipts(inputs: Sequence[Input], receipts: Mapping[int, Receipt]) -> Iterator[dict[str, Any]]:
    """One JSON object per input, with its receipt's content where it has one."""
    for row in inputs:
        receipt = receipts.get(row.receipt_id) if row.receipt_id else None
        yield {
            "location": row.location,
            "digest": row.digest,
            "outcome": row.outcome,
            "reason": row.reason,
            "found": row.found,
            "first": row.first_location,
            "reused": row.reused,
            "receipt": None if receipt is None else render_receipt(receipt),
        }


def render_receipt(receipt: Receipt) -> dict[str, Any]:
    """The receipt as it is published beside the output, without what names the input."""
    return {
        "workflow": receipt.workflow,
        "digest": receipt.digest,
        "result_key": receipt.result_key,
        "outcome": receipt.outcome,
        "reason": receipt.reason,
        "found": receipt.found,
        **receipt.facts,
        "findings": receipt.findings,
        "engines": receipt.engines,
        "depends_on": receipt.depends_on,
        "core_seconds": round(receipt.core_seconds, 3),
        "wall_seconds": round(receipt.wall_seconds, 3),
        "peak_megabytes": round(receipt.peak_bytes / 1e6, 1),
        "created_at": receipt.created_at.isoformat(),
    }
