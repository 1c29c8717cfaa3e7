"""From the newest Prefect 3.7 to the locked version, as docs/operate.md says: nothing is lost, and a way leads back."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.scripts.gitops.checkout import LANES, Checkout, deployment

pytestmark = pytest.mark.slow

OLD = ("prefect>=3.7,<3.8", "fastapi>=0.139,<0.151", "sqlalchemy>=2.0.40,<2.1")
READY_SECONDS = 90
RUN_SECONDS = 90
NIGHTLY = {"slug": "nightly", "cron": "0 3 * * *", "timezone": "Europe/Berlin"}
HOURLY = {"slug": "hourly", "cron": "30 * * * *"}


@pytest.fixture(scope="module")
def old_prefect(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its programs, from the package index."""
    folder = tmp_path_factory.mktemp("old") / "venv"
    subprocess.run(["uv", "venv", "--quiet", "--python", sys.executable, folder], check=True)
    command = ["uv", "pip", "install", "--quiet", "--python", str(folder / "bin/python"), *OLD]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"Prefect 3.7 cannot be installed from the package index: {done.stderr.strip()[-300:]}")
    return folder / "bin"


@dataclass
class Place:
    """One database, served by the one or the other version."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def database(self) -> Path:
        return self.folder / "prefect/prefect.db"

    def copy_database(self, source: Path, target: Path) -> None:
        """With the files beside it, in which the last changes are."""
        target.mkdir(exist_ok=True)
        for old in target.glob("prefect.db*"):
            old.unlink()
        for path in source.glob("prefect.db*"):
            shutil.copy2(path, target / path.name)

    def environment(self, programs: Path) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MAILROOM_"))
        }
        return {
            **inherited,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_API_URL": self.url,
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_WORKER_QUERY_SECONDS": "1",
            "MAILROOM_ROOT": str(self.folder / "repository"),
        }

    @contextmanager
    def serve(self, programs: Path) -> Iterator[httpx.Client]:
        command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with (
            self.run(programs, command),
            httpx.Client(base_url=self.url, timeout=30, trust_env=False, follow_redirects=True) as client,
        ):
            await_true(lambda: is_healthy(client), READY_SECONDS)
            yield client

    @contextmanager
    def work(self, programs: Path) -> Iterator[None]:
        with self.run(programs, ["prefect", "worker", "start", "--pool", "local", "--type", "process"]):
            yield

    @contextmanager
    def run(self, programs: Path, command: list[str]) -> Iterator[None]:
        with (self.folder / f"{command[1]}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.environment(programs),
                stdout=log,
                stderr=log,
                start_new_session=True,
                executable=programs / command[0],
            )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def is_healthy(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def await_true(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.3)


def run_to_the_end(client: httpx.Client, deployment_id: str) -> str:
    made = send(client, "POST", f"/deployments/{deployment_id}/create_flow_run", {}).json()
    state: dict[str, Any] = {}

    def ended() -> bool:
        state.update(client.get(f"/flow_runs/{made['id']}").json()["state"])
        return state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}

    await_true(ended, RUN_SECONDS)
    return str(state["type"])


def send(client: httpx.Client, method: str, path: str, body: Any) -> httpx.Response:
    """Again while the server is busy with its database, as Prefect's own client does."""
    for _ in range(10):
        answer = client.request(method, path, json=body)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            break
        time.sleep(1)
    return answer.raise_for_status()


def rows(client: httpx.Client, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = send(client, "POST", f"/{kind}/filter", {}).json()
    return found


def remember(client: httpx.Client) -> dict[str, Any]:
    """What must be the same afterwards: ids of all, and what a person has paused."""
    deployments = rows(client, "deployments")
    return {
        **{
            kind: {(row["id"], row["name"]) for row in rows(client, kind)}
            for kind in ("flows", "deployments", "work_pools", "work_queues", "variables", "automations")
        },
        "schedules": {(item["id"], item["slug"], item["active"]) for row in deployments for item in row["schedules"]},
        "ended": {(run["id"], run["state_type"]) for run in rows(client, "flow_runs") if run["end_time"]},
    }


@pytest.fixture
def place(tmp_path: Path) -> Place:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Checkout.make(tmp_path / "repository", variables=[{"name": "zone", "value": "north"}])
    made.add("scan", deployment("scan", schedules=[NIGHTLY, HOURLY]))
    made.write("environments/staging.env", f"PREFECT_API_URL=http://127.0.0.1:{port}/api\n")
    made.write(".gitignore", ".state/\n__pycache__/\n")
    made.git("init", "-q", "-b", "main")
    made.git("add", "-A")
    made.git("commit", "-q", "-m", "Begin")
    return Place(tmp_path, port)


def fill(place: Place, client: httpx.Client, old: Path) -> None:
    """By the old version's own means: pool, lanes, a deployment with a paused schedule, a variable, an automation."""
    send(client, "POST", "/work_pools/", {"name": "local", "type": "process"})
    for lane in LANES:
        if lane["name"] != "default":
            send(client, "POST", "/work_pools/local/queues/", lane)
    send(client, "POST", "/variables/", {"name": "zone", "value": "north"})
    trigger = {
        "type": "event",
        "posture": "Reactive",
        "expect": ["prefect.flow-run.Failed"],
        "threshold": 1,
        "within": 0,
    }
    automation = {"name": "notice", "trigger": trigger, "actions": [{"type": "do-nothing"}]}
    send(client, "POST", "/automations/", automation)
    command = [str(old / "prefect"), "--no-prompt", "deploy", "--all", "--prefect-file", "flows/scan/prefect.yaml"]
    environment, root = place.environment(old), place.folder / "repository"
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = rows(client, "deployments")
    paused = next(item for item in row["schedules"] if item["slug"] == "nightly")
    send(client, "PATCH", f"/deployments/{row['id']}/schedules/{paused['id']}", {"active": False})


def test_upgrade_and_the_way_back(old_prefect: Path, place: Place) -> None:
    """Ids, history and pauses stay; an old worker works for the new server; gitops takes over; a copy leads back."""
    new = Path(sys.executable).parent
    made = Checkout(place.folder / "repository", {"PREFECT_HOME": str(place.folder / "home")})
    with place.serve(old_prefect) as client:
        fill(place, client, old_prefect)
        (row,) = rows(client, "deployments")
        with place.work(old_prefect):
            assert run_to_the_end(client, row["id"]) == "COMPLETED"
        before = remember(client)
        assert "3.8 or newer is needed: upgrade the server" in made.gitops("plan", "--env", "staging").stderr
    place.copy_database(place.database.parent, place.folder / "backup")

    with place.serve(new) as client:
        assert {kind: found for kind, found in remember(client).items() if kind != "ended"} == {
            kind: found for kind, found in before.items() if kind != "ended"
        }
        assert before["ended"] <= remember(client)["ended"]
        with place.work(old_prefect):
            assert run_to_the_end(client, row["id"]) == "COMPLETED"
        with place.work(new):
            assert run_to_the_end(client, row["id"]) == "COMPLETED"
        await_true(lambda: any(run["auto_scheduled"] for run in rows(client, "flow_runs")), READY_SECONDS)
        plan = made.gitops("plan", "--env", "staging").stdout
        assert "= deployment scan/scan" in " ".join(plan.split())
        applied = made.gitops("apply", "--env", "staging", "--adopt")
        assert applied.returncode == 0, applied.stderr
        assert made.gitops("plan", "--env", "staging", "--exit-code").returncode == 0
        after = remember(client)
        assert after["schedules"] == before["schedules"]
        assert after["deployments"] == before["deployments"]

    place.copy_database(place.folder / "backup", place.database.parent)
    with place.serve(old_prefect) as client:
        assert remember(client) == before


def test_the_old_constraints_are_ours() -> None:
    """What keeps the old version working is what the lock says of the new one."""
    project = Path(__file__).parents[2] / "pyproject.toml"
    stated = project.read_text()
    assert [constraint for constraint in OLD[1:] if constraint not in stated] == []
