"""Durations and declarations, and the step on a real server: refused, waited for, let through, cancelled."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, runtime
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed

from scripts.embedded import start_server, stop_embedded
from shared import freshness
from shared.durations import parse_duration, render_duration
from shared.errors import ConfigError
from shared.freshness import StaleError, require_fresh
from shared.reads import read_declaration
from shared.settings import Settings


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("90min", 5400), ("24h", 86_400), ("7d", 604_800), ("2 h", 7200)]
)
def test_durations(text: str, seconds: int) -> None:
    """A number and a unit."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "24", "0h", "-1h", "1.5h", "1h30min", "a day", "24H", None, 24])
def test_no_durations(text: object) -> None:
    """Anything else is refused with what to write."""
    with pytest.raises(ValueError, match="as 24h"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (5400, "1 h 30 min"), (90_061, "1 d 1 h"), (86_400, "1 d")]
)
def test_rendered_durations(seconds: int, text: str) -> None:
    """Two units at most."""
    assert render_duration(timedelta(seconds=seconds)) == text


def declare(folder: Path, **workflow: Any) -> str:
    """A flow's file, with the declaration beside it."""
    (folder / "prefect.yaml").write_text(f"deployments: []\nworkflow: {workflow}\n")
    return str(folder / "flow.py")


def test_declarations(tmp_path: Path) -> None:
    """What others read there is skipped; what cannot be read is named."""
    declare(tmp_path, owner="me", reads=["scan"], max_age="24h")
    found = read_declaration(tmp_path / "prefect.yaml")
    assert (found.reads, found.max_age) == (["scan"], timedelta(days=1))
    declare(tmp_path, reads=["scan"], max_age="a day")
    with pytest.raises(ConfigError, match="as 24h"):
        read_declaration(tmp_path / "prefect.yaml")
    with pytest.raises(ConfigError, match=r"nowhere/prefect\.yaml"):
        read_declaration(tmp_path / "nowhere/prefect.yaml")


def test_what_reads_nothing_asks_nobody(tmp_path: Path) -> None:
    """No server is needed."""
    require_fresh(declare(tmp_path, owner="me"))
    require_fresh(declare(tmp_path, reads=["scan"]))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyncPrefectClient]:
    settings = Settings(state=tmp_path_factory.mktemp("freshness"))
    url = start_server(settings).api_url
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        yield client
    stop_embedded(settings)


@flow
def scan_in() -> None:
    """What is read."""


@flow
def failing_scan() -> None:
    raise ValueError("scanner is on fire")


def run_reader(file: str, wait: timedelta = timedelta()) -> State[Any]:
    @flow
    def reader() -> State[Any]:
        require_fresh(file, wait=wait)
        return Completed(message="read")

    state: State[Any] = reader(return_state=True)
    return state


@pytest.mark.slow
def test_never_ran(client: SyncPrefectClient, tmp_path: Path) -> None:
    """No completed run, a failed one beside: the run fails, and says why."""
    failing_scan(return_state=True)
    state = run_reader(declare(tmp_path, reads=["failing_scan"], max_age="1h"))
    assert state.type is StateType.FAILED
    assert "failing-scan has no completed run; it may be 1 h old at most" in str(state.message)


@pytest.mark.slow
def test_fresh_and_stale(client: SyncPrefectClient, tmp_path: Path) -> None:
    """Let through at once; too old a little later, whatever failed in between."""
    scan_in()
    assert run_reader(declare(tmp_path, reads=["scan_in"], max_age="1h")).message == "read"
    time.sleep(1.2)
    state = run_reader(declare(tmp_path, reads=["scan_in"], max_age="1s"))
    assert state.type is StateType.FAILED
    assert "the newest completed run of scan-in ended" in str(state.message)


@flow
def late_scan() -> None:
    time.sleep(2)


def find_reader(client: SyncPrefectClient, state: StateType) -> FlowRun | None:
    runs = [run for run in client.read_flow_runs() if run.state and run.state.type is state]
    return next((run for run in runs if "Waits for fresh input" in str(run.state and run.state.message)), None)


def await_reader(client: SyncPrefectClient) -> FlowRun:
    deadline = time.monotonic() + 20
    while (found := find_reader(client, StateType.RUNNING)) is None:
        assert time.monotonic() < deadline, "no run says that it waits"
        time.sleep(0.1)
    return found


@pytest.mark.slow
def test_waits_until_it_is_fresh(client: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it waits, the state's message says for what; then it goes on."""
    monkeypatch.setattr(freshness, "POLL_SECONDS", 0.2)
    file = declare(tmp_path, reads=["late_scan"], max_age="1h")
    found: list[State[Any]] = []
    url = str(client.api_url)

    def read() -> None:
        with temporary_settings({PREFECT_API_URL: url}):
            found.append(run_reader(file, wait=timedelta(seconds=60)))

    thread = threading.Thread(target=read)
    thread.start()
    message = str((await_reader(client).state or Completed()).message)
    assert "late-scan has no completed run" in message
    late_scan()
    thread.join(30)
    assert found[0].message == "read"


@pytest.mark.slow
def test_gives_up(client: SyncPrefectClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait it is refused as without."""
    monkeypatch.setattr(freshness, "POLL_SECONDS", 0.2)
    started = time.monotonic()
    state = run_reader(declare(tmp_path, reads=["nothing"], max_age="1h"), wait=timedelta(seconds=1))
    assert time.monotonic() - started >= 1
    assert "nothing has no completed run" in str(state.message)


@pytest.mark.slow
def test_a_cancel_stays_a_cancel(client: SyncPrefectClient, tmp_path: Path) -> None:
    """A message never turns a run that is being cancelled into a running one."""
    file = declare(tmp_path, reads=["nobody"], max_age="1h")

    @flow
    def cancelled_reader() -> None:
        client.set_flow_run_state(runtime.flow_run.id, State(type=StateType.CANCELLING), force=True)
        with pytest.raises(StaleError):
            require_fresh(file, wait=timedelta(seconds=0.5))

    assert cancelled_reader(return_state=True).type is StateType.CANCELLING
