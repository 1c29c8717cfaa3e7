"""Runs of deployments that are to vanish: cancelled, then removed with what they have left on the server."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from scripts.gitops.server import Server

PATIENCE_SECONDS = 60.0
"""A worker looks for cancelled runs every ten seconds, and gives a run half a minute to end."""
POLL_SECONDS = 0.5
FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
IN_HAND = frozenset({"PENDING", "RUNNING", "PAUSED", "CANCELLING"})


def delete_runs(server: Server, deployments: Sequence[str], tell: Callable[[str], None]) -> None:
    """Blocks until none is in hand, at most `PATIENCE_SECONDS`."""
    if not deployments:
        return
    runs = server.list("/flow_runs/filter", deployments={"id": {"any_": list(deployments)}})
    _cancel(server, [run for run in runs if run["state_type"] in IN_HAND - {"CANCELLING"}])
    _await_end(server, [run["id"] for run in runs if run["state_type"] in IN_HAND], tell)
    for run in [*_find_children(server, runs), *runs]:
        for artifact in server.list("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}}):
            server.delete(f"/artifacts/{artifact['id']}")
        server.delete(f"/flow_runs/{run['id']}")


def _cancel(server: Server, runs: Sequence[Any]) -> None:
    for run in runs:
        state = {"type": "CANCELLING", "name": "Cancelling", "message": "The preview is taken down."}
        server.post(f"/flow_runs/{run['id']}/set_state", {"state": state})


def _await_end(server: Server, runs: Sequence[str], tell: Callable[[str], None]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    waiting = list(runs)
    while waiting and time.monotonic() < give_up:
        found = server.list("/flow_runs/filter", flow_runs={"id": {"any_": waiting}})
        waiting = [run["id"] for run in found if run["state_type"] not in FINAL]
        if waiting:
            time.sleep(POLL_SECONDS)
    for run in waiting:
        tell(f"run {run} does not end; it is removed, and its worker will find it gone")


def _find_children(server: Server, runs: Sequence[Any]) -> list[Any]:
    """Of all generations, the youngest first."""
    if not runs:
        return []
    children = server.list("/flow_runs/filter", flow_runs={"parent_flow_run_id": {"any_": [run["id"] for run in runs]}})
    return [*_find_children(server, children), *children]
