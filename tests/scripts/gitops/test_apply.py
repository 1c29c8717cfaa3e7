"""Nothing fires while things change, and what is there is changed in place."""

import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from subprocess import PIPE, Popen
from typing import Any

import pytest
import yaml

from scripts.gitops.server import Server
from shared.settings import ROOT
from tests.scripts.gitops.checkout import Checkout, deployment
from tests.scripts.gitops.conftest import read_deployments, waiting_runs

pytestmark = pytest.mark.slow

Make = Callable[..., Checkout]
EVERY_SECOND = {"slug": "tick", "interval": 1, "anchor_date": "2026-01-01T00:00:00Z"}
MADE_AHEAD_WITHIN_SECONDS = 30


def scan(**more: Any) -> dict[str, Any]:
    return {**deployment("scan"), **more}


def await_runs(server: Server, name: str) -> None:
    deadline = time.monotonic() + MADE_AHEAD_WITHIN_SECONDS
    while not waiting_runs(server, name):
        assert time.monotonic() < deadline, "the scheduler made no run"
        time.sleep(0.2)


def apply_and_watch(made: Checkout, server: Server, deployment_id: str) -> list[tuple[int, set[str]]]:
    """Samples during the apply and five seconds more: active schedules, and ids of the runs that wait."""
    command = [sys.executable, "-m", "scripts.gitops", "apply", "--root", str(made.root)]
    samples = []
    with Popen(command, cwd=ROOT, env=made.full_environment(), stdout=PIPE, stderr=PIPE, text=True) as running:
        ends = float("inf")
        while time.monotonic() < ends:
            row = server.get(f"/deployments/{deployment_id}")
            active = sum(item["active"] for item in row["schedules"])
            samples.append((active, {run["id"] for run in waiting_runs(server, deployment_id)}))
            if running.poll() is not None and ends == float("inf"):
                ends = time.monotonic() + 5
            time.sleep(0.1)
        assert running.returncode == 0, running.stderr and running.stderr.read()
    return samples


def test_a_removed_schedule_makes_no_run_while_it_goes(checkout: Make, server: Server) -> None:
    """One that fires every second: from the moment it is gone, no run is made, and none is left."""
    made = checkout()
    made.add("scan", scan(schedules=[EVERY_SECOND]))
    assert made.gitops("apply").returncode == 0
    key = read_deployments(server)["scan/scan"]["id"]
    await_runs(server, key)
    made.add("scan", scan(tags=["new"]))
    samples = apply_and_watch(made, server, key)
    gone = next(index for index, (active, _) in enumerate(samples) if not active)
    known = set().union(*(runs for _, runs in samples[: gone + 1]))
    assert set().union(*(runs for _, runs in samples[gone + 1 :])) <= known
    assert samples[-1] == (0, set())


def test_a_paused_schedule_makes_no_run_while_all_else_changes(checkout: Make, server: Server) -> None:
    """A person paused one that fires every second; a new version is deployed; nothing fires."""
    made = checkout()
    made.add("scan", scan(schedules=[EVERY_SECOND]))
    assert made.gitops("apply").returncode == 0
    row = read_deployments(server)["scan/scan"]
    await_runs(server, row["id"])
    server.patch(f"/deployments/{row['id']}/schedules/{row['schedules'][0]['id']}", {"active": False})
    paused = datetime.now(UTC)
    made.add("scan", scan(schedules=[EVERY_SECOND], tags=["new"]))
    samples = apply_and_watch(made, server, row["id"])
    assert {active for active, _ in samples} == {0}
    assert not set().union(*(runs for _, runs in samples)) - samples[0][1]
    # What was due before the pause waits for a worker: Prefect takes back only what is still to come.
    assert all(datetime.fromisoformat(run["expected_start_time"]) <= paused for run in waiting_runs(server, row["id"]))
    assert "new" in read_deployments(server)["scan/scan"]["tags"]


def test_a_change_keeps_ids_and_history(checkout: Make, server: Server) -> None:
    """Deployment, schedule, automation, pool, lane and variable are changed in place."""
    automation = {"name": "notice", "trigger": {"type": "event", "expect": ["a"]}, "actions": [{"type": "do-nothing"}]}
    made = checkout(variables=[{"name": "zone", "value": 1}], automations=[automation])
    made.add("scan", scan(schedules=[{**EVERY_SECOND, "interval": 3600}]))
    assert made.gitops("apply").returncode == 0
    before = read_ids(server)
    declared = yaml.safe_load((made.root / "prefect.yaml").read_text())
    declared["work_pools"][0]["description"] = "Another."
    declared["work_pools"][0]["lanes"][0]["concurrency_limit"] = 2
    declared["variables"][0]["value"] = {"a": [1]}
    declared["automations"][0]["trigger"]["expect"] = ["b"]
    made.write("prefect.yaml", declared)
    made.add("scan", scan(schedules=[{**EVERY_SECOND, "interval": 7200}], tags=["new"]))
    assert made.gitops("apply").returncode == 0
    assert read_ids(server) == before
    (variable,) = [row for row in server.list("/variables/filter") if row["name"] == "zone"]
    assert variable["value"] == {"a": [1]}


def read_ids(server: Server) -> dict[str, set[str]]:
    (row,) = server.list("/deployments/filter")
    return {
        "deployment": {row["id"]},
        "schedules": {item["id"] for item in row["schedules"]},
        **{
            kind: {item["id"] for item in server.list(f"/{kind}/filter")}
            for kind in ("work_pools", "work_queues", "automations")
        },
        "variables": {item["id"] for item in server.list("/variables/filter") if item["name"] == "zone"},
    }


def test_what_others_have_is_left_alone(checkout: Make, server: Server) -> None:
    """Two repositories on one server, and things made by hand: none touches the other's."""
    made = checkout("scan")
    assert made.gitops("apply").returncode == 0
    server.post("/variables/", {"name": "by_hand", "value": 1, "tags": []})
    other = Checkout.make(made.root.parent / "other", "mail", variables=[{"name": "by_hand", "value": 2}])
    other.environment = made.environment
    declared = {**yaml.safe_load((other.root / "prefect.yaml").read_text()), "name": "other"}
    declared["work_pools"][0]["name"] = "others"
    other.write("prefect.yaml", declared)
    other.add("mail", {**deployment("mail"), "work_pool": {"name": "others", "work_queue_name": "urgent"}})
    assert "variable by_hand" in other.gitops("apply").stderr
    assert other.gitops("apply", "--adopt").returncode == 0
    assert made.gitops("plan", "--exit-code").returncode == 0
    other.remove("mail")
    assert other.gitops("apply").returncode == 0
    assert list(read_deployments(server)) == ["scan/scan"]
    mine = yaml.safe_load((made.root / "prefect.yaml").read_text())
    made.write("prefect.yaml", {**mine, "variables": [{"name": "by_hand", "value": 3}]})
    assert "it belongs to other" in made.gitops("apply").stderr


@pytest.mark.parametrize("kind", ["deployment", "schedule"])
def test_git_ends_the_pause_that_git_began(checkout: Make, server: Server, kind: str) -> None:
    """`active: false` in Git and then `true` turns it on again; a person's pause in between stays."""

    def state() -> bool:
        row = read_deployments(server)["scan/scan"]
        return not row["paused"] if kind == "deployment" else bool(row["schedules"][0]["active"])

    def declare(on: bool) -> dict[str, Any]:
        schedule = {**EVERY_SECOND, "interval": 3600}
        if kind == "deployment":
            return scan(paused=not on, schedules=[schedule])
        return scan(schedules=[{**schedule, "active": on}])

    made = checkout()
    for on in (True, False, True):
        made.add("scan", declare(on))
        assert made.gitops("apply").returncode == 0
        assert state() is on
