"""`scripts/bench small --stack compose`: the same documents through the one-host stack as it runs on this machine."""

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import docker
from docker.errors import DockerException
from prefect.client.orchestration import SyncPrefectClient, get_client

from scripts.benchmarks.documents import write_letters
from scripts.benchmarks.stand import read_end, settle
from scripts.benchmarks.telling import describe_machine, note
from shared.batches.report import BatchReport, read_report
from shared.errors import ConfigError
from shared.ledger import Ledger

SERVERS = ("api", "services", "postgres", "redis")
OWNER = 10001
POLL_SECONDS = 2.0


@dataclass(frozen=True)
class Batch:
    """One through the stack."""

    documents: int
    wall_seconds: float
    seconds: Mapping[str, float]
    """Service -> core-seconds until the last task run was written down; what it would have used idling is in it."""
    task_runs: int
    task_runs_lost: int
    report: BatchReport


def measure_compose(documents: Path, few: int, many: int) -> dict[str, Any]:
    """`documents` is the folder of this host that runs see as /documents. Raises ConfigError where no stack is up."""
    batches = [_measure(documents, count) for count in (few, many)]
    server = {str(each.documents): _per_document(each, ("api", "services")) for each in batches}
    return {
        "benchmark": "small on compose",
        "machine": describe_machine(),
        "compared": f"{few} and {many} documents of one page, once each, through the containers of this host; core-ms"
        " of each service per document, until all task runs were recorded, its idling included",
        "server_ms_per_document": server,
        "cost_growth": server[str(many)] / server[str(few)],
        "wall_growth": batches[1].wall_seconds / batches[0].wall_seconds / (many / few),
        "task_runs_lost": sum(each.task_runs_lost for each in batches),
        "service_ms_per_document": {
            name: {str(each.documents): _per_document(each, (name,)) for each in batches} for name in SERVERS
        },
        "wall_seconds": {str(each.documents): each.wall_seconds for each in batches},
        "task_runs": {str(each.documents): each.task_runs for each in batches},
        "outcomes": {str(each.documents): each.report.sentence for each in batches},
    }


def _per_document(batch: Batch, services: tuple[str, ...]) -> float:
    return 1000 * sum(batch.seconds[name] for name in services) / batch.documents


def _measure(documents: Path, count: int) -> Batch:
    name = f"bench-{uuid4().hex[:8]}"
    source = write_letters(documents / name, count)
    shutil.chown(source, OWNER, OWNER)
    before, begun = _read_core_seconds(), time.time()
    with get_client(sync_client=True) as client:
        run = _start(client, name)
        while not (ended := read_end(client, run)):
            time.sleep(POLL_SECONDS)
        slices, recorded = settle(client, run)
    spent = {name: after - before[name] for name, after in _read_core_seconds().items()}
    ledger = Ledger.open(os.environ["MAILROOM_LEDGER_URL"])
    try:
        report = read_report(ledger, str(run))
    finally:
        ledger.close()
    shutil.rmtree(source)
    shutil.rmtree(documents / f"{name}-out")
    note(f"{report.sentence}: {ended - begun:.0f} s, {spent}")
    return Batch(count, ended - begun, spent, slices, slices - recorded, report)


def _start(client: SyncPrefectClient, name: str) -> UUID:
    deployment = client.read_deployment_by_name("ocr-intake/ocr-intake")
    parameters = {"source": f"/documents/{name}", "destination": f"/documents/{name}-out"}
    return client.create_flow_run_from_deployment(deployment.id, parameters=parameters).id


def _read_core_seconds() -> dict[str, float]:
    """Of each service since it was started. Raises ConfigError."""
    project = os.environ.get("COMPOSE_PROJECT_NAME", "mailroom")
    try:
        engine = docker.from_env()
        found = {name: engine.containers.get(f"{project}-{name}-1").stats(stream=False) for name in SERVERS}
    except DockerException as error:
        raise ConfigError(f"no stack is up here ({error}); scripts/up, deploy, and export what it says") from error
    return {name: stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9 for name, stats in found.items()}
