"""A server, a worker and a deployment of their own, and batches through them with their cost."""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId, LogFilter, LogFilterFlowRunId
from prefect.client.schemas.sorting import LogSort
from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.benchmarks.processes import core_seconds, family, is_flow, own_core_seconds
from scripts.demo import bring_up
from scripts.embedded import stop_embedded
from shared.batches.report import BatchReport, read_report
from shared.embedded import Embedded
from shared.errors import TransientError
from shared.ledger import Ledger
from shared.settings import Settings

SAMPLE_SECONDS = 0.25
POLL_SECONDS = 1.0
"""Every question costs the server some milliseconds, which would count as the run's."""
PAGE = 200
SETTLE_SECONDS = 60.0
"""Task runs reach the server's database by events, and some later than the flow run's end."""


@dataclass(frozen=True)
class Cost:
    """Of one batch through the deployed workflow, all processes counted."""

    wall_seconds: float
    core_seconds: float
    server_core_seconds: float
    flow_core_seconds: float
    """Of the flow's own process, without fork server and children; sampled, so up to a quarter of a second short."""
    task_runs: int
    task_runs_lost: int
    report: BatchReport
    ledger_url: str

    def minus(self, fixed: "Cost") -> "Cost":
        """What the documents cost, beside what any run costs."""
        return Cost(
            self.wall_seconds - fixed.wall_seconds,
            self.core_seconds - fixed.core_seconds,
            self.server_core_seconds - fixed.server_core_seconds,
            self.flow_core_seconds - fixed.flow_core_seconds,
            self.task_runs,
            self.task_runs_lost,
            self.report,
            self.ledger_url,
        )


@dataclass
class Stand:
    """An embedded server and a worker in a temporary state folder."""

    settings: Settings
    embedded: Embedded

    @property
    def worker(self) -> int:
        return self.embedded.processes["worker"].pid

    @property
    def server(self) -> int:
        return self.embedded.processes["server"].pid

    def run(
        self,
        source: Path,
        *,
        parameters: dict[str, object] | None = None,
        environment: dict[str, str] | None = None,
        watch: Callable[[Path], None] = lambda _ledger_file: None,
        dry_run: bool = False,
    ) -> Cost:
        """One batch into a folder and a ledger of its own; `watch` is called again and again with the ledger's file."""
        place = self.settings.state / "runs" / uuid4().hex
        ledger_url = f"sqlite:///{place / 'ledger.db'}"
        flow_parameters = {
            "source": str(source.resolve()),
            "destination": str(place / "out"),
            "dry_run": dry_run,
            "max_failed_share": 1,
            **(parameters or {}),
        }
        before, server_before, started = self._core_seconds(), core_seconds(self.server), time.time()
        with self._client() as client:
            deployment = client.read_deployment_by_name("ocr-intake/ocr-intake")
            declared = (deployment.job_variables or {}).get("env", {})
            variables = {"env": {**declared, "MAILROOM_LEDGER_URL": ledger_url, **(environment or {})}}
            run = client.create_flow_run_from_deployment(
                deployment.id, parameters=flow_parameters, job_variables=variables
            )
            flow_core_seconds, ended = self._await(client, run.id, lambda: watch(place / "ledger.db"))
            slices, recorded = (0, 0) if dry_run else settle(client, run.id)
        ledger = Ledger.open(ledger_url)
        try:
            report = read_report(ledger, str(run.id))
        finally:
            ledger.close()
        return Cost(
            ended - started,
            self._core_seconds() - before,
            core_seconds(self.server) - server_before,
            flow_core_seconds,
            slices,
            slices - recorded,
            report,
            ledger_url,
        )

    def _core_seconds(self) -> float:
        return core_seconds(self.server) + core_seconds(self.worker)

    def _await(self, client: SyncPrefectClient, run_id: UUID, watch: Callable[[], None]) -> tuple[float, float]:
        """CPU of the flow's processes as last seen, and when the run ended (seconds since 1970), once they are gone."""
        used: dict[int, float] = {}
        ended = asked = 0.0
        while not ended or family(self.worker)[1:]:
            for process in family(self.worker)[1:]:
                if is_flow(process):
                    used[process.pid] = max(used.get(process.pid, 0.0), own_core_seconds(process.pid))
            watch()
            if not ended and time.monotonic() - asked > POLL_SECONDS:
                ended, asked = read_end(client, run_id), time.monotonic()
            time.sleep(SAMPLE_SECONDS)
        return sum(used.values()), ended

    @contextmanager
    def _client(self) -> Iterator[SyncPrefectClient]:
        with temporary_settings({PREFECT_API_URL: self.embedded.api_url}), get_client(sync_client=True) as client:
            yield client


@contextmanager
def open_stand() -> Iterator[Stand]:
    """Brought up as the demo is, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as state:
        settings = Settings(state=Path(state))
        try:
            yield Stand(settings, bring_up(settings))
        finally:
            stop_embedded(settings)


def read_end(client: SyncPrefectClient, run_id: UUID) -> float:
    """Seconds since 1970; 0 while it runs. TransientError where it did not complete."""
    state = client.read_flow_run(run_id).state
    if state is None or not state.is_final():
        return 0.0
    if not state.is_completed():
        raise TransientError(f"the run ended as {state.name}: {state.message}")
    return state.timestamp.timestamp()


def _read_slices(client: SyncPrefectClient, run_id: UUID) -> int:
    mine = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[run_id]))
    logs = client.read_logs(mine, limit=PAGE, sort=LogSort.TIMESTAMP_DESC)
    told = [log.message for log in logs if log.message.startswith("batch.worked")]
    return int(told[0].partition("slices=")[2]) if told else -1


def settle(client: SyncPrefectClient, run_id: UUID) -> tuple[int, int]:
    """Slices that the run has worked, and how many of them the server knows as completed."""
    deadline = time.monotonic() + SETTLE_SECONDS
    slices = recorded = -1
    while time.monotonic() < deadline and (slices < 0 or recorded < slices):
        time.sleep(1)
        slices = _read_slices(client, run_id)
        recorded = _count_completed(client, run_id)
    return slices, recorded


def _count_completed(client: SyncPrefectClient, run_id: UUID) -> int:
    mine = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
    completed = offset = 0
    while runs := client.read_task_runs(flow_run_filter=mine, limit=PAGE, offset=offset):
        completed += sum(run.state is not None and run.state.is_completed() for run in runs)
        offset += len(runs)
    return completed
