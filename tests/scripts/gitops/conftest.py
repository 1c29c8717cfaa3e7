"""A throw-away server for the tests of this folder, emptied before each, and checkouts that know it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.embedded import start_server, stop_embedded
from scripts.gitops.server import Server, open_server
from shared.settings import Settings
from tests.scripts.gitops.checkout import Checkout


@pytest.fixture(scope="session")
def api_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(state=tmp_path_factory.mktemp("gitops-server"))
    yield start_server(settings).api_url
    stop_embedded(settings)


@pytest.fixture
def server(api_url: str) -> Iterator[Server]:
    with temporary_settings({PREFECT_API_URL: api_url}), open_server() as opened:
        empty(opened)
        yield opened


@pytest.fixture
def checkout(tmp_path: Path, server: Server) -> Callable[..., Checkout]:
    """A checkout with workflows of these names; its commands reach the server."""

    def make(*workflows: str, **more: Any) -> Checkout:
        made = Checkout.make(tmp_path / "repository", *workflows, **more)
        made.environment = {"PREFECT_API_URL": server.url, "PREFECT_HOME": str(tmp_path / "home")}
        return made

    return make


def empty(server: Server) -> None:
    """As a server that has just been started, but for its flows, which hold no declarations."""
    for automation in server.list("/automations/filter"):
        server.delete(f"/automations/{automation['id']}")
    for deployment in server.list("/deployments/filter"):
        server.delete(f"/deployments/{deployment['id']}")
    for pool in server.list("/work_pools/filter"):
        server.delete(f"/work_pools/{pool['name']}")
    for variable in server.list("/variables/filter"):
        server.delete(f"/variables/{variable['id']}")
    for block in server.list("/block_documents/filter", block_types={"slug": {"any_": ["secret"]}}):
        server.delete(f"/block_documents/{block['id']}")
    for limit in server.list("/v2/concurrency_limits/filter"):
        server.delete(f"/v2/concurrency_limits/{limit['id']}")
    for flow in server.list("/flows/filter"):
        server.delete(f"/flows/{flow['id']}")


def read_deployments(server: Server) -> dict[str, dict[str, Any]]:
    flows = {flow["id"]: flow["name"] for flow in server.list("/flows/filter")}
    return {f"{flows[row['flow_id']]}/{row['name']}": row for row in server.list("/deployments/filter")}


def waiting_runs(server: Server, deployment: str) -> list[dict[str, Any]]:
    return server.list(
        "/flow_runs/filter",
        deployments={"id": {"any_": [deployment]}},
        flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
    )
