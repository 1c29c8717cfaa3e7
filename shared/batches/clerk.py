"""One document from its path to its receipt: work, judge, publish, commit. The one place where anything is retried."""

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stamina
from sqlalchemy.exc import IntegrityError, OperationalError

from shared.batches.plan import Item
from shared.batches.report import render_receipt
from shared.batches.request import Request
from shared.documents import digest_file, result_key, select_conditions
from shared.errors import DocumentError, TransientError
from shared.ledger import Lease, LeaseLostError, Ledger, OutputFile, Receipt
from shared.ledger.ledger import Settlement
from shared.outcomes import Finding, Outcome, Reason
from shared.publishing import Destination, StagedFile
from shared.sandbox import ChildCrashed, Order, Refusal, Report, Sandbox, SandboxClosed
from shared.workflows import Judgement, Product

log = logging.getLogger("mailroom.batches")

ATTEMPTS = 6
COSTS = frozenset(
    {
        Reason.CPU_TIMEOUT,
        Reason.STALLED,
        Reason.WALL_TIMEOUT,
        Reason.OUT_OF_MEMORY,
        Reason.OUTPUT_TOO_BIG,
        Reason.CRASHED,
    }
)
CRASHES = 3
"""A child that dies by a signal may be the kernel's or an operator's victim; the third time it is the document."""


@dataclass(frozen=True)
class Result:
    """What is to be committed for one document."""

    receipt: Receipt
    files: Mapping[str, Path]
    reused: bool = False


class Clerk:
    """Thread-safe: each call works on a document of its own."""

    def __init__(
        self,
        request: Request,
        ledger: Ledger,
        lease: Lease,
        destination: Destination,
        sandbox: Sandbox,
        conditions: Mapping[str, Any],
    ) -> None:
        self._request = request
        self._ledger = ledger
        self._lease = lease
        self._destination = destination
        self._sandbox = sandbox
        self._conditions = conditions
        self._steps = request.steps

    def settle(self, item: Item) -> Outcome:
        """The document's outcome, committed. TransientError where even the last attempt failed: it stays pending."""
        crashes = 0
        # No time limit over all attempts: the first one alone may take hours, and must not be the last for that.
        for attempt in stamina.retry_context(
            on=_may_heal, attempts=ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=15
        ):
            with attempt:
                # A connection may be lost after the commit it was to confirm.
                if attempt.num > 1 and (outcome := self._ledger.find_outcome(self._request.batch_id, item.location)):
                    return outcome
                try:
                    return self._settle_once(item)
                except ChildCrashed as crash:
                    crashes += 1
                    log.warning("child.crashed digest=%s attempt=%d detail=%s", item.digest[:12], crashes, crash)
                    if crashes >= CRASHES:
                        return self._refuse(item, _crashed(crash))
                    raise
        raise AssertionError("stamina returns or raises")

    def _settle_once(self, item: Item) -> Outcome:
        scratch = self._destination.open_scratch()
        try:
            result = self._carry(item, scratch) or self._work(item, scratch)
            if isinstance(result, Settlement):
                self._ledger.settle(self._request.batch_id, [result])
                return result.outcome
            return self._commit(item, result, scratch)
        finally:
            self._destination.close_scratch(scratch)

    def _refuse(self, item: Item, refusal: Refusal) -> Outcome:
        scratch = self._destination.open_scratch()
        try:
            return self._commit(item, self._conclude(item, Report(refusal, 0.0, 0.0, 0)), scratch)
        finally:
            self._destination.close_scratch(scratch)

    def _carry(self, item: Item, scratch: Path) -> Result | None:
        """Publish a known result again from copies that still hold it; None where no whole set of them is left."""
        receipt = item.receipt
        if receipt is None:
            return None
        wanted = {copy.role for copy in item.copies} - {"json"}
        files: dict[str, Path] = {}
        for copy in item.copies:
            carried = scratch / f"carried.{copy.role}"
            if copy.role in wanted - set(files) and _copy_verified(copy, carried):
                files[copy.role] = carried
        if receipt.outcome == Outcome.QUARANTINED:
            return Result(receipt, {}, reused=True)
        if not wanted or set(files) != wanted:
            return None
        return Result(_judge(receipt, self._steps.judge(receipt.facts, self._request.parameters)), files, reused=True)

    def _work(self, item: Item, scratch: Path) -> Result | Settlement:
        before = _identity(item.path)
        order = Order(
            "work", item.path, scratch, self._request.parameters.model_dump(mode="json"), self._request.budget
        )
        report = self._sandbox.run(order)
        answer = report.answer
        if isinstance(answer, Refusal) and answer.reason == Reason.UNREADABLE:
            return Settlement(item.location, Outcome.QUARANTINED, answer.reason, answer.found)
        if before != _identity(item.path) or before[:1] != (item.size,):
            found = "it changed while it was read; the next run takes it as it is then"
            return Settlement(item.location, Outcome.QUARANTINED, Reason.UNREADABLE, found)
        return self._conclude(item, report, scratch)

    def _conclude(self, item: Item, report: Report, scratch: Path | None = None) -> Result:
        answer = report.answer
        if isinstance(answer, Product):
            assert scratch is not None
            judgement = self._steps.judge(answer.facts, self._request.parameters)
            files = {role: scratch / name for role, name in answer.files.items()}
            receipt = self._receipt(item, report, answer.depends_on, answer.facts, answer.findings)
        else:
            assert isinstance(answer, Refusal)
            judgement = Judgement(Outcome.QUARANTINED, answer.reason, answer.found)
            files = {}
            receipt = self._receipt(item, report, self._name_causes(answer), {}, ())
        return Result(_judge(receipt, judgement), files)

    def _name_causes(self, refusal: Refusal) -> tuple[str, ...]:
        """What the work cost may be due to any parameter or engine; of the budgets only to the one that was spent."""
        if refusal.reason not in COSTS:
            return refusal.depends_on
        return (*refusal.depends_on, *(name for name in self._conditions if not name.startswith("budget.")))

    def _receipt(
        self,
        item: Item,
        report: Report,
        depends_on: tuple[str, ...],
        facts: Mapping[str, Any],
        findings: tuple[Finding, ...],
    ) -> Receipt:
        selected = select_conditions(self._conditions, depends_on)
        return Receipt(
            workflow=self._request.workflow,
            digest=item.digest,
            result_key=result_key(item.digest, selected),
            depends_on=selected,
            outcome="",
            reason=None,
            found="",
            facts=dict(facts),
            findings=[vars(finding) for finding in sorted(findings, key=_finding_order)],
            engines=dict(self._sandbox.engines),
            core_seconds=report.core_seconds,
            wall_seconds=report.wall_seconds,
            peak_bytes=report.peak_bytes,
            batch_id=self._request.batch_id,
            fence=self._lease.fence,
            created_at=datetime.now(UTC),
        )

    def _commit(self, item: Item, result: Result, scratch: Path) -> Outcome:
        """Rename and receipt in one transaction that holds the lease: a late loser does neither."""
        receipt = result.receipt
        body = {"location": item.location, **render_receipt(receipt), "files": sorted(result.files)}
        (scratch / "receipt.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        files = {**result.files, "json": scratch / "receipt.json"}  # Last: who sees the receipt sees the outputs.
        staged = [self._destination.stage(role, path, item.location) for role, path in files.items()]
        outcome, reason = Outcome(receipt.outcome), Reason(receipt.reason) if receipt.reason else None
        try:
            with self._ledger.fenced(self._lease) as transaction:
                receipt_id = transaction.put_receipt(receipt)
                rows = [self._row(item, file) for file in staged]
                obsolete = transaction.put_output(item.location, receipt_id, rows, datetime.now(UTC))
                end = Settlement(item.location, outcome, reason, receipt.found, receipt_id, result.reused)
                transaction.settle(self._request.batch_id, end)
                self._destination.publish(staged, obsolete)
        except DocumentError as error:
            end = Settlement(item.location, Outcome.QUARANTINED, error.reason, error.found)
            self._ledger.settle(self._request.batch_id, [end])
            return end.outcome
        return outcome

    def _row(self, item: Item, file: StagedFile) -> OutputFile:
        return OutputFile(
            destination=self._lease.destination,
            path=file.path,
            workflow=self._lease.workflow,
            location=item.location,
            role=file.role,
            size=file.size,
            sha256=file.sha256,
        )


def _may_heal(error: Exception) -> bool:
    if isinstance(error, (LeaseLostError, SandboxClosed)):
        return False
    # Two runs into two destinations may write the first receipt of one document at once: the later one then finds it.
    return isinstance(error, (TransientError, OperationalError, IntegrityError, OSError))


def _crashed(crash: ChildCrashed) -> Refusal:
    reason = Reason.OUT_OF_MEMORY if crash.was_starved else Reason.CRASHED
    return Refusal(reason, f"the work on it died {CRASHES} times: {crash}")


def _judge(receipt: Receipt, judgement: Judgement) -> Receipt:
    receipt.outcome = judgement.outcome.value
    receipt.reason = judgement.reason.value if judgement.reason else None
    receipt.found = judgement.found
    return receipt


def _identity(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (-1, 0, 0)
    return (status.st_size, status.st_mtime_ns, status.st_ino)


def _finding_order(finding: Finding) -> tuple[int, str, str]:
    return (finding.page_number or 0, finding.code, finding.detail)


def _copy_verified(published: OutputFile, copy: Path) -> bool:
    """True where the published file is still what the ledger says, and now stands in scratch too."""
    source = Destination(Path(published.destination), published.workflow).target(published.path)
    if not source.is_file() or source.stat().st_size != published.size:
        return False
    shutil.copyfile(source, copy)
    return digest_file(copy) == published.sha256
