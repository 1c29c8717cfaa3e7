"""Runs that vanish with their deployment: first ended by their worker, then removed."""

from typing import Any

import pytest

from scripts.gitops import runs
from scripts.gitops.server import Server

pytestmark = pytest.mark.slow


def start(server: Server) -> tuple[str, str]:
    """A deployment, and a run of it that says it is running."""
    flow = server.post("/flows/", {"name": "scan"})["id"]
    deployment = server.post("/deployments/", {"name": "scan", "flow_id": flow})["id"]
    run = server.post(f"/deployments/{deployment}/create_flow_run", {"state": {"type": "SCHEDULED"}})["id"]
    for state in ("PENDING", "RUNNING"):
        server.post(f"/flow_runs/{run}/set_state", {"state": {"type": state}, "force": True})
    return deployment, run


def test_a_running_run_is_cancelled_and_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is gone only after its worker has ended it."""
    deployment, run = start(server)
    seen: list[str] = []
    read = server.list

    def as_worker(path: str, **body: Any) -> list[Any]:
        found = read(path, **body)
        for row in found:
            if path == "/flow_runs/filter" and row["id"] == run:
                seen.append(row["state_type"])
                if row["state_type"] == "CANCELLING":
                    server.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLED"}, "force": True})
        return found

    monkeypatch.setattr(type(server), "list", lambda self, path, **body: as_worker(path, **body))
    told: list[str] = []
    runs.delete_runs(server, [deployment], told.append)
    assert seen[:2] == ["RUNNING", "CANCELLING"]
    assert seen[-1] == "CANCELLED"
    assert told == []
    assert server.find(f"/flow_runs/{run}") is None


def test_one_that_does_not_end_is_removed_and_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as long as a worker may take."""
    monkeypatch.setattr(runs, "PATIENCE_SECONDS", 1.0)
    deployment, run = start(server)
    told: list[str] = []
    runs.delete_runs(server, [deployment], told.append)
    assert told == [f"run {run} does not end; it is removed, and its worker will find it gone"]
    assert server.find(f"/flow_runs/{run}") is None
