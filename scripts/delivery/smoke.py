"""A real run of what was just deployed, on the sample that its image brings along."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.gitops.preview import DESTINATION, LEDGER
from scripts.gitops.schema import Smoke
from scripts.gitops.server import Server
from shared.errors import ConfigError, TransientError

FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
POLL_SECONDS = 1.0
TAG = "smoke"


def run_smoke(server: Server, smokes: Mapping[str, Smoke], folder: str) -> Iterable[str]:
    """`smokes` are by `flow/deployment`; a line for each that completed. Raises ConfigError for the first that did not.

    Outputs and ledger are below `folder`, as the worker sees it: what was read once would only be looked up again.
    """
    for name, smoke in smokes.items():
        run = _start(server, name, smoke, f"{folder}/{name.partition('/')[2]}")
        state = _await_end(server, run, smoke.minutes)
        said = f"{name}: {state['name']}: {state['message'] or ''}".rstrip(": ")
        if state["type"] != "COMPLETED":
            raise ConfigError(f"smoke run of {said}")
        yield said


def has_passed(server: Server, deployment: Mapping[str, Any]) -> bool:
    """Whether this version of it has completed a smoke run."""
    wanted = {
        "deployment_id": {"any_": [deployment["id"]]},
        "tags": {"all_": _tags(deployment)},
        "state": {"type": {"any_": ["COMPLETED"]}},
    }
    return bool(server.post("/flow_runs/count", {"flow_runs": wanted}))


def _tags(deployment: Mapping[str, Any]) -> list[str]:
    """The server has no filter for a run's version."""
    return [TAG, f"{TAG}:{deployment['version']}"]


def _start(server: Server, name: str, smoke: Smoke, folder: str) -> str:
    deployment = server.get(f"/deployments/name/{name}")
    # A run's variables replace those of the deployment one by one, the whole of `env` at a time.
    env = {**deployment["job_variables"].get("env", {}), LEDGER: f"sqlite:///{folder}/ledger.db"}
    body: dict[str, Any] = {
        "name": "smoke",
        "tags": _tags(deployment),
        "parameters": {**deployment["parameters"], **smoke.parameters, DESTINATION: f"{folder}/out"},
        "job_variables": {"env": env},
        "state": {"type": "SCHEDULED"},
    }
    return str(server.post(f"/deployments/{deployment['id']}/create_flow_run", body)["id"])


def _await_end(server: Server, run: str, minutes: float) -> Mapping[str, Any]:
    give_up = time.monotonic() + minutes * 60
    said = "not asked for"
    while time.monotonic() < give_up:
        try:
            state: Mapping[str, Any] = server.get(f"/flow_runs/{run}")["state"]
        except TransientError as error:  # A moment without an answer says nothing about the run.
            said = str(error)
        else:
            if state["type"] in FINAL:
                return state
            said = state["name"]
        time.sleep(POLL_SECONDS)
    server.post(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING", "name": "Cancelling"}})
    raise ConfigError(f"smoke run {run} has not ended after {minutes:g} minutes ({said}); it is cancelled")
