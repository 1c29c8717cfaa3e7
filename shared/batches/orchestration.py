"""A batch as Prefect sees it: one flow run, one task run per slice, one table and one progress artifact."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import stamina
import stamina.instrumentation
from prefect import task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture, as_completed
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from shared.batches.forecast import forecast
from shared.batches.report import BatchReport
from shared.batches.request import Request
from shared.batches.run import BatchRun, new_batch
from shared.ledger import Input, Ledger
from shared.outcomes import Outcome
from shared.settings import Settings

log = logging.getLogger("mailroom.batches")

TABLE_ROWS = 200
PROGRESS_SECONDS = 2.0
FAILURES_FIRST: tuple[str | None, ...] = (None, Outcome.QUARANTINED, Outcome.REVIEW, Outcome.DONE, Outcome.DUPLICATE)


def run_batch(request: Request) -> State[Any]:
    """Work on every document of the source; the state's message is the report in one sentence."""
    settings = Settings()
    _set_up_logging()
    with BatchRun(request, settings) as run, _ProgressArtifact(run):
        _work_slices(run, settings.cores)
        report = run.report()
        _publish_table(report, run.ledger.inputs(report.batch))
    return conclude(report, request.max_failed_share)


def _set_up_logging() -> None:
    logging.getLogger("mailroom").setLevel(logging.INFO)  # Prefect carries it to the UI, but leaves its level alone.
    stamina.instrumentation.set_on_retry_hooks([_log_retry])


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    log.warning(
        "document.retried attempt=%d wait=%.1fs cause=%s", details.retry_num, details.wait_for, details.caused_by
    )


def forecast_batch(request: Request) -> State[Any]:
    """Touch nothing; the forecast is the state's message and the batch's row in the ledger."""
    settings = Settings()
    result = forecast(request, settings)
    with closing(Ledger.open(settings.ledger)) as ledger:
        ledger.open_batch(new_batch(request, dry_run=True))
        ledger.update_batch(request.batch_id, forecast=result.as_json(), finished_at=datetime.now(UTC))
    return Completed(message=result.sentence)


def conclude(report: BatchReport, max_failed_share: float) -> State[Any]:
    """Not green while inputs are pending, nor where more than the stated share is quarantined."""
    if report.pending:
        return Failed(message=f"{report.sentence}. Run it again: what is settled is not done twice.")
    if report.failed_share > max_failed_share:
        limit = f"{report.failed_share:.0%} quarantined, more than the {max_failed_share:.0%} allowed"
        return Failed(message=f"{report.sentence}. {limit}.")
    return Completed(message=report.sentence)


def _work_slices(run: BatchRun, cores: int) -> None:
    @task(task_run_name="slice {number}", cache_policy=NO_CACHE, persist_result=False)
    def work_slice(number: int) -> State[Any]:  # noqa: ARG001 - shown in the run's name
        settled = run.work()
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(settled.items()))
        return Completed(message=f"{settled.total()} documents: {told}", data=dict(settled))

    numbers = itertools.count(1)
    runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=cores)
    with runner:
        try:
            _keep_busy(run, cores, lambda: runner.submit(work_slice, {"number": next(numbers)}))
        except BaseException:
            run.stop()  # What made one slice fail would fail them all.
            raise
    log.info("batch.worked slices=%d", next(numbers) - 1)


def _keep_busy(run: BatchRun, cores: int, submit: Callable[[], PrefectFuture[Any]]) -> None:
    """A slice for every core while documents are left. Raises the first failure."""
    running = [submit() for _ in range(min(cores, run.waiting))]
    while running:
        ended = next(as_completed(running))
        running.remove(ended)
        ended.result()
        if run.waiting:
            running.append(submit())


class _ProgressArtifact:
    """Updates the artifact from a thread of its own, only when there is news."""

    def __init__(self, run: BatchRun) -> None:
        self._run = run
        self._id: UUID | None = None
        self._shown = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="progress-artifact", daemon=True)

    def __enter__(self) -> None:
        workflow = self._run.request.workflow
        with _outliving_outages():
            created = create_progress_artifact(0.0, key=f"{workflow}-progress", description="Inputs settled")
            self._id = UUID(str(created))  # Typed as if it could be a coroutine, which it is only in async code.
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._show()

    def _follow(self) -> None:
        while not self._stop.wait(PROGRESS_SECONDS):
            self._show()

    def _show(self) -> None:
        settled, total = self._run.progress()
        if settled == self._shown or self._id is None:
            return
        share = 100.0 * settled / total if total else 100.0
        with _outliving_outages():
            update_progress_artifact(self._id, share, description=f"{settled} of {total} inputs settled")
            self._shown = settled


def _publish_table(report: BatchReport, inputs: Sequence[Input]) -> None:
    ordered = sorted(inputs, key=lambda row: (FAILURES_FIRST.index(row.outcome), row.location))
    rows = [
        {"input": row.location, "outcome": row.outcome or "pending", "reason": row.reason or "", "found": row.found}
        for row in ordered[:TABLE_ROWS]
    ]
    shown = f" The first {TABLE_ROWS} rows are shown." if len(ordered) > TABLE_ROWS else ""
    description = f"{report.sentence}.{shown} All of them: `batch report {report.batch}`."
    with _outliving_outages():
        create_table_artifact(rows, key=f"{report.workflow}-inputs", description=description)


@contextmanager
def _outliving_outages() -> Iterator[None]:
    """An artifact only shows what the ledger knows: a server that is away for a moment must not fail a batch."""
    try:
        yield
    except httpx.HTTPError as error:
        log.warning("artifact.skipped detail=%s", error)
