"""`batch run`: start a run of a live deployment and follow it until it ends, or until Ctrl-C."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, temporary_settings
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from shared.batches.report import read_report
from shared.commands.parameters import parse_settings
from shared.commands.show import print_report, write_json
from shared.embedded import read_embedded
from shared.errors import ConfigError, TransientError
from shared.ledger import Ledger
from shared.settings import Settings

console = Console(highlight=False)

POLL_SECONDS = 1.0
NO_WORKER_SECONDS = 20.0


def run_and_follow(
    workflow: str, source: Path, destination: Path | None, settings: list[str], *, dry_run: bool, report: Path | None
) -> int:
    """Exit code: 0 where the run completed, 1 where it failed, 130 after Ctrl-C."""
    with _connect(source) as client:
        deployment = _find_deployment(client, workflow.replace("_", "-"))
        parameters = {
            **parse_settings(settings, deployment.parameter_openapi_schema or {}),
            "source": str(source.resolve()),
            "destination": _choose_destination(deployment, source, destination, dry_run=dry_run),
            "dry_run": dry_run,
        }
        flow_run = _start(client, deployment, parameters)
        try:
            ended = _follow(client, flow_run)
        except KeyboardInterrupt:
            short = str(flow_run.id)[:8]
            console.print(f"\nThe run goes on. Come back with: uv run batch status, uv run batch report {short}")
            return 130
    # A preview keeps a ledger of its own.
    ledger = deployment.job_variables.get("env", {}).get("MAILROOM_LEDGER_URL") or Settings().ledger
    return _conclude(ended, ledger, report)


def _choose_destination(
    deployment: DeploymentResponse, source: Path, destination: Path | None, *, dry_run: bool
) -> str:
    declared = deployment.parameters.get("destination")
    if destination is None and declared:
        return str(declared)
    if destination is None and not dry_run:
        raise ConfigError(f"{deployment.name} has no destination of its own: name the folder with --destination")
    return str((destination or source.with_name(f"{source.name}-output")).resolve())


@contextmanager
def _connect(source: Path) -> Iterator[SyncPrefectClient]:
    """The configured server or, if none is, the embedded one."""
    url = PREFECT_API_URL.value()
    if url is None:
        embedded = read_embedded(Settings())
        if embedded is None:
            raise ConfigError("no Prefect server: set PREFECT_API_URL, or start the embedded one: scripts/demo --keep")
        if not source.exists():  # Only there is the worker's file system certainly ours.
            raise ConfigError(f"source {source} does not exist")
        url = embedded.api_url
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        try:
            client.hello()
        except PrefectHTTPStatusError as error:
            raise ConfigError(
                f"the Prefect server at {url} answers {error.response.status_code}; where it asks for a credential, set"
                " PREFECT_API_AUTH_STRING"
            ) from error
        except httpx.HTTPError as error:
            raise ConfigError(f"the Prefect server at {url} does not answer: {error}") from error
        yield client


def _find_deployment(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    """Of a workflow's name, or `flow/deployment` where a workflow has several."""
    full = name if "/" in name else f"{name}/{name}"
    try:
        return client.read_deployment_by_name(full)
    except ObjectNotFound as error:
        raise ConfigError(f"no deployment {full} is live. Deploy it first: uv run gitops apply") from error


def _start(client: SyncPrefectClient, deployment: DeploymentResponse, parameters: dict[str, Any]) -> FlowRun:
    try:
        return client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
    except PrefectHTTPStatusError as error:
        if error.response.status_code in {400, 409, 422}:
            raise ConfigError(f"the server refuses the parameters: {error.response.text}") from error
        raise


def _follow(client: SyncPrefectClient, flow_run: FlowRun) -> FlowRun:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("waiting for a worker", total=None)
        started = time.monotonic()
        while True:
            run = client.read_flow_run(flow_run.id)
            state = run.state
            assert state is not None
            if state.is_final():
                settled = _read_progress(client, flow_run.id)
                progress.update(bar, description=str(state.name).lower(), **settled)
                return run
            waiting = state.is_scheduled() or state.is_pending()
            late = waiting and time.monotonic() - started > NO_WORKER_SECONDS
            hint = " (is one online? prefect worker ls --pool ...)" if late else ""
            description = f"waiting for a worker{hint}" if waiting else "inputs settled"
            progress.update(bar, description=description, **({} if waiting else _read_progress(client, flow_run.id)))
            time.sleep(POLL_SECONDS)


def _read_progress(client: SyncPrefectClient, flow_run_id: UUID) -> dict[str, Any]:
    """`settled of total` from the run's progress artifact: it is there wherever the worker runs."""
    mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[flow_run_id]))
    for artifact in client.read_artifacts(artifact_filter=mine):
        words = (artifact.description or "").split()
        if artifact.type == "progress" and words[1:2] == ["of"]:
            return {"completed": int(words[0]), "total": int(words[2])}
    return {}


def _conclude(run: FlowRun, ledger_url: str, report: Path | None) -> int:
    state = run.state
    assert state is not None
    ledger = Ledger.open(ledger_url)
    try:
        summary = read_report(ledger, str(run.id))
    except ConfigError:
        shown = ledger_url.rpartition("@")[2]
        raise TransientError(
            f"the run ended as {state.name}: {state.message}. This ledger ({shown}) knows"
            " nothing of its batch: where the worker keeps another one, name it in MAILROOM_LEDGER_URL"
        ) from None
    if summary.dry_run:
        console.print(state.message)
    elif summary.inputs or state.is_completed():
        print_report(summary, ledger.inputs(summary.batch))
    if report:
        write_json(report, {**summary.as_json(), "state": state.name})
    if not state.is_completed():  # A report that does not add up, or a batch that never began, is told by the state.
        console.print(f"[bold red]{state.name}[/]: {escape(str(state.message))}")
    return 0 if state.is_completed() else 1
