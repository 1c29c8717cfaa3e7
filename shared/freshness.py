"""A workflow that reads what others have made refuses, or waits, where that is older than it declares.

    @flow
    def monthly_report(month: str) -> None:
        require_fresh(__file__, wait=timedelta(minutes=30))
        ...

`reads` (workflows, by folder) and `max_age` stand under `workflow:` in the `prefect.yaml` beside the flow. What a
workflow has made is as old as the end of its newest run that completed, in whichever deployment.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prefect import runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter, FlowRunFilterState
from prefect.client.schemas.filters import FlowRunFilterStateType as StateTypes
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Running

from shared.durations import render_duration
from shared.errors import TransientError
from shared.reads import read_declaration

POLL_SECONDS = 5.0


class StaleError(TransientError):
    """What is read is too old; a later run may find it fresh."""


@dataclass(frozen=True)
class Source:
    """A workflow that is read, as it stands now."""

    name: str
    """Of the flow: the folder with dashes."""
    ended: datetime | None
    """Of the newest run that completed."""
    is_running: bool

    def is_stale(self, max_age: timedelta, now: datetime) -> bool:
        return self.ended is None or now - self.ended > max_age

    def tell(self, now: datetime) -> str:
        if self.ended is None:
            return f"{self.name} has no completed run"
        return f"the newest completed run of {self.name} ended {render_duration(now - self.ended)} ago"


def require_fresh(flow_file: str, *, wait: timedelta = timedelta()) -> None:
    """Return once everything that is read is fresh. `flow_file` is the flow's `__file__`.

    Raises StaleError, which ends the run as failed with the cause in its state message, where something is older than
    `max_age` and does not become fresh within `wait`. While it waits, the message of the run's state says for what.
    ConfigError: the declaration cannot be read.
    """
    declared = read_declaration(Path(flow_file).with_name("prefect.yaml"))
    if not declared.reads or declared.max_age is None:
        return
    until = time.monotonic() + wait.total_seconds()
    with get_client(sync_client=True) as client:
        told: list[Source] = []
        while stale := find_stale(client, declared.reads, declared.max_age):
            cause = describe(stale, declared.max_age)
            left = until - time.monotonic()
            if left <= 0:
                raise StaleError(f"{cause}; run it first, or wait for it: require_fresh(__file__, wait=...)")
            if stale != told:
                _tell(client, f"Waits for fresh input, at most {render_duration(timedelta(seconds=left))}: {cause}")
                told = stale
            time.sleep(min(POLL_SECONDS, max(0.1, left)))
        if told:
            _tell(client, "What it reads is fresh now.")


def find_stale(client: SyncPrefectClient, reads: Sequence[str], max_age: timedelta) -> list[Source]:
    """Those that are older. By this host's clock: hosts whose clocks are minutes apart have other troubles first."""
    now = datetime.now(UTC)
    sources = [_read_source(client, folder.replace("_", "-")) for folder in reads]
    return [source for source in sources if source.is_stale(max_age, now)]


def describe(stale: Sequence[Source], max_age: timedelta) -> str:
    now = datetime.now(UTC)
    causes = [source.tell(now) + (" (one is running)" if source.is_running else "") for source in stale]
    return f"{'; '.join(causes)}; it may be {render_duration(max_age)} old at most"


def _read_source(client: SyncPrefectClient, name: str) -> Source:
    completed = _read_newest(client, name, [StateType.COMPLETED], FlowRunSort.END_TIME_DESC)
    running = _read_newest(client, name, [StateType.RUNNING], FlowRunSort.START_TIME_DESC)
    return Source(name, completed.end_time if completed else None, running is not None)


def _read_newest(client: SyncPrefectClient, name: str, states: list[StateType], sort: FlowRunSort) -> Any:
    found = client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[name])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=StateTypes(any_=states))),
        sort=sort,
        limit=1,
    )
    return found[0] if found else None


def _tell(client: SyncPrefectClient, message: str) -> None:
    """In the message of the run's state, where the UI shows it; without a run there is nobody to tell."""
    run = runtime.flow_run.id
    if not run:
        return
    state = client.read_flow_run(run).state
    if state is not None and state.is_running():  # A run that is being cancelled must stay so.
        client.set_flow_run_state(run, Running(message=message), force=True)
