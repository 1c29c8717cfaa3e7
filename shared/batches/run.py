"""One run of a batch, without Prefect: take the lease, read the source, plan, work, report."""

import logging
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from shared.batches.clerk import Clerk
from shared.batches.heartbeat import Heartbeat
from shared.batches.intake import Arrival, check_apart, read_source
from shared.batches.plan import Item, order_items
from shared.batches.planner import Planner
from shared.batches.report import BatchReport, read_report
from shared.batches.request import Request
from shared.documents import render_conditions
from shared.ledger import Batch, Lease, LeaseLostError, Ledger
from shared.ledger.owners import current_owner
from shared.publishing import Destination
from shared.sandbox import Sandbox
from shared.settings import Settings

log = logging.getLogger("mailroom.batches")

LEASE_POLL_SECONDS = 1.0


class BatchRun:
    """A context: inside it the run holds the lease and has a warm sandbox; leaving it stops every child at once."""

    def __init__(self, request: Request, settings: Settings, destination: Destination | None = None) -> None:
        self.request = request
        self._queue: deque[Item] = deque()
        self._settings = settings
        self._destination = destination or Destination(request.destination, request.workflow)
        parameters = request.parameters.model_dump(mode="json")
        self._sandbox = Sandbox(request.steps_module, parameters, settings.token_pool)
        self._started = time.monotonic()
        self._fixed_core_seconds = 0.0
        self._exit = ExitStack()

    def __enter__(self) -> "BatchRun":
        with self._exit:
            self._open()
            self._exit = self._exit.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._exit.close()

    def _open(self) -> None:
        check_apart(self.request.source, self.request.destination)
        self.ledger = Ledger.open(self._settings.ledger)
        self._exit.callback(self.ledger.close)
        self._batch = self.ledger.open_batch(new_batch(self.request))
        lease = self._exit.enter_context(self._hold_lease())
        self._destination.prepare()
        self._exit.callback(self._keep_accounts)
        self._exit.enter_context(self._sandbox)
        self._exit.enter_context(Heartbeat(self.ledger, lease, on_lost=self._sandbox.close))
        self._fixed_core_seconds = time.process_time() + self._sandbox.warm_core_seconds
        conditions = render_conditions(
            self.request.parameters,
            self.request.budget,
            self._sandbox.engines,
            self.request.steps.RESULT_REVISION,
        )
        self._clerk = Clerk(self.request, self.ledger, lease, self._destination, self._sandbox, conditions)
        self._plan(Planner(self.request, self.ledger, self._destination, conditions))

    @contextmanager
    def _hold_lease(self) -> Iterator[Lease]:
        destination = str(self.request.destination.resolve())
        wanted = Lease(self.request.workflow, destination, current_owner(), self._settings.lease_seconds)
        lease = self.ledger.take_lease(wanted)
        if lease is None:
            owner = self.ledger.lease_owner(wanted.workflow, destination)
            log.warning("lease.waiting another run works into destination=%s owner=%s", destination, owner)
        while lease is None:
            time.sleep(LEASE_POLL_SECONDS)
            lease = self.ledger.take_lease(wanted)
        log.info("lease.taken fence=%d destination=%s", lease.fence, destination)
        try:
            yield lease
        finally:
            self._let_go(lease)

    def _let_go(self, lease: Lease) -> None:
        try:
            self.ledger.renew_lease(lease)  # Scratch is swept by whoever holds the lease, and by nobody else.
            self._destination.finish()
            self.ledger.release_lease(lease)
        except LeaseLostError as error:
            log.warning("lease.lost detail=%s", error)

    def _plan(self, planner: Planner) -> None:
        intake = read_source(self.request.source, self._settings.cores)
        self.ledger.update_batch(self._batch.id, ignored=intake.ignored)
        self.ledger.add_inputs(self._batch.id, map(_new_input, intake.arrivals))
        rows = self.ledger.inputs(self._batch.id)
        sorting = planner.sort(intake.arrivals, rows)
        self.ledger.settle(self._batch.id, sorting.settled)
        self._queue.extend(order_items(sorting.items))
        self._total = len(rows)
        log.info("batch.planned inputs=%d to_work=%d", len(rows), len(sorting.items))

    @property
    def waiting(self) -> int:
        """Documents that nobody has taken yet."""
        return len(self._queue)

    def work(self) -> Counter[str]:
        """Settle one document after the other until `slice_seconds` are over or none is left; outcome -> documents.

        Call it from as many threads as there are cores: all of them take from one queue, the longest first.
        """
        settled: Counter[str] = Counter()
        end = time.monotonic() + self._settings.slice_seconds
        while self._queue:
            try:
                item = self._queue.popleft()
            except IndexError:  # Another thread took the last one.
                break
            settled[str(self._clerk.settle(item))] += 1
            if time.monotonic() >= end:
                break
        return settled

    def stop(self) -> None:
        """Kill every child now; slices in hand fail with SandboxClosed."""
        self._sandbox.close()

    def progress(self) -> tuple[int, int]:
        """(settled, all) inputs."""
        counts = self.ledger.count_outcomes(self._batch.id)
        return self._total - counts.get(None, 0), self._total

    def report(self) -> BatchReport:
        """Call it once all slices are through: it closes the sandbox, so that the accounts are final."""
        self._sandbox.close()
        self._keep_accounts()
        report = read_report(self.ledger, self._batch.id)
        if not report.pending:
            self.ledger.update_batch(self._batch.id, finished_at=datetime.now(UTC))
        return report

    def _keep_accounts(self) -> None:
        """An attempt adds to what earlier attempts of the same batch have cost."""
        core_seconds = time.process_time() + self._sandbox.core_seconds()
        self.ledger.update_batch(
            self._batch.id,
            wall_seconds=self._batch.wall_seconds + time.monotonic() - self._started,
            core_seconds=self._batch.core_seconds + core_seconds,
            fixed_core_seconds=self._batch.fixed_core_seconds + (self._fixed_core_seconds or core_seconds),
        )


def new_batch(request: Request, *, dry_run: bool = False) -> Batch:
    """The batch's first row, not written yet."""
    parameters = request.parameters.model_dump(mode="json")
    return Batch(
        id=request.batch_id,
        workflow=request.workflow,
        source=str(request.source.resolve()),
        destination=str(request.destination.resolve()),
        parameters={**parameters, "budget": request.budget.model_dump(mode="json")},
        created_at=datetime.now(UTC),
        dry_run=dry_run,
    )


def _new_input(arrival: Arrival) -> dict[str, Any]:
    return {
        "location": arrival.location,
        "size": arrival.size,
        "mtime_ns": arrival.mtime_ns,
        "digest": arrival.digest,
    }
