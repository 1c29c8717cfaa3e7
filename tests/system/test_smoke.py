"""Would have caught each known way in which an unlucky set of dependencies breaks Prefect in silence."""

import time
from collections.abc import Callable
from pathlib import Path

import yaml
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun

from shared.settings import ROOT
from tests.system.stack import Stack

SCHEDULED_WITHIN_SECONDS = 30
COMPLETED_WITHIN_SECONDS = 100


def test_a_cron_schedule_produces_a_run_that_a_worker_completes(stack: Stack, tmp_path: Path) -> None:
    """The server starts, a deploy exits 0, a cron schedule really produces runs, a worker completes one."""
    declared = {
        "pull": [{"prefect.deployments.steps.set_working_directory": {"directory": str(ROOT)}}],
        "deployments": [
            {
                "name": "tick",
                "description": "Every minute.",
                "entrypoint": "tests/system/tick.py:tick",
                "work_pool": {"name": "local", "work_queue_name": "standard"},
                "schedules": [{"slug": "minutely", "cron": "* * * * *", "timezone": "UTC"}],
            }
        ],
    }
    (tmp_path / "prefect.yaml").write_text(yaml.safe_dump(declared))
    stack.deploy(str(tmp_path / "prefect.yaml"))
    assert await_runs(stack, SCHEDULED_WITHIN_SECONDS, 2, lambda run: bool(run.auto_scheduled)), "none was created"
    done = await_runs(stack, COMPLETED_WITHIN_SECONDS, 1, lambda run: bool(run.state and run.state.is_completed()))
    with stack.client() as client:
        client.delete_deployment(client.read_deployment_by_name("tick/tick").id)
    assert done


def await_runs(stack: Stack, seconds: float, count: int, wanted: Callable[[FlowRun], bool]) -> list[FlowRun]:
    deadline = time.monotonic() + seconds
    with stack.client() as client:
        deployment = client.read_deployment_by_name("tick/tick").id
        while time.monotonic() < deadline:
            mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
            runs = [run for run in client.read_flow_runs(deployment_filter=mine) if wanted(run)]
            if len(runs) >= count:
                return runs
            time.sleep(0.5)
    return []
