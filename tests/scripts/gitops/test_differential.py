"""What apply leaves is what plain `prefect deploy` leaves, field by field, but for the marks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from scripts.gitops.deploying import PRELOAD
from scripts.gitops.environment import read_environment
from scripts.gitops.server import Server
from scripts.gitops.warm import Task, run_tasks
from shared.settings import ROOT
from tests.scripts.gitops.checkout import Checkout, deployment
from tests.scripts.gitops.conftest import empty, read_deployments

pytestmark = pytest.mark.slow

SERVER_MADE = frozenset(
    {"id", "created", "updated", "deployment_id", "flow_id", "work_queue_id", "last_polled", "status"}
)
MARKS = frozenset({"version"})
TRIGGER = {"match": {"prefect.resource.id": "inbox.*"}, "expect": ["b", "a"], "parameters": {"pages": 2}}
FULL = deployment(
    "scan",
    tags=["b", "a"],
    parameters={"pages": 3},
    concurrency_limit={"limit": 2, "collision_strategy": "CANCEL_NEW", "grace_period_seconds": 90},
    enforce_parameter_schema=False,
    paused=True,
    schedules=[
        {"slug": "nightly", "cron": "0 1 * * *", "timezone": "Europe/Berlin", "parameters": {"pages": 7}},
        {"slug": "plain", "cron": "*/5 * * * 1-5", "day_or": False},
        {"slug": "hourly", "interval": 3600, "anchor_date": "2026-01-01T00:00:00+01:00", "active": False},
        {"slug": "duration", "interval": "PT30M", "anchor_date": "2026-01-01"},
        {"slug": "rule", "rrule": "FREQ=DAILY;BYHOUR=3", "timezone": "America/New_York"},
        {"slug": "start", "rrule": "DTSTART:20250101T050000\nFREQ=WEEKLY"},
    ],
    triggers=[TRIGGER, {**TRIGGER, "name": "named", "posture": "Proactive", "within": 90, "enabled": False}],
    work_pool={
        "name": "local",
        "work_queue_name": "urgent",
        "job_variables": {"env": {"A": "1", "B": "{{ ctx.flow_run.id }}"}, "command": "true"},
    },
)


def canonical(value: Any) -> Any:
    """Without what the server makes up, and with lists that have no order in order."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in value.items() if name not in SERVER_MADE}
    if isinstance(value, list):
        return sorted((canonical(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def dump(server: Server) -> dict[str, Any]:
    """All that deployments and triggers have left on a server."""
    rows = read_deployments(server)
    names = {row["id"]: name for name, row in rows.items()}
    automations = [row for row in server.list("/automations/filter") if "run-deployment" in str(row["actions"])]
    text = json.dumps({"deployments": rows, "automations": automations})
    for key, name in names.items():
        text = text.replace(key, name)
    found = json.loads(text)
    for row in found["deployments"].values():
        row["labels"].pop("prefect.flow.id")
        row["tags"] = [tag for tag in row["tags"] if not tag.startswith("managed-by:")]
        if row["global_concurrency_limit"]:
            row["global_concurrency_limit"].pop("id")
        for name in MARKS:
            row.pop(name)
    for row in found["automations"]:
        row.pop("name")
        row["tags"] = [tag for tag in row["tags"] if not tag.startswith("managed-by:")]
    dumped: dict[str, Any] = canonical(found)
    return dumped


def deploy_plainly(made: Checkout) -> None:
    """`prefect deploy --all --prefect-file F` for every F: the same program, without its start for each."""
    tasks = [
        Task("scripts.gitops.deploying:deploy_one", (str(path.relative_to(made.root)),), made.root)
        for path in sorted(made.root.glob("flows/*/prefect.yaml"))
    ]
    faults = [ended.fault for ended in run_tasks(tasks, 2, preload=PRELOAD, environment=made.full_environment())]
    assert faults == [None] * len(tasks)


def compare(made: Checkout, server: Server) -> None:
    empty(server)
    applied = made.gitops("apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    by_gitops = dump(server)
    pools = server.list("/work_pools/filter")
    lanes = server.list("/work_queues/filter")
    empty(server)
    seed(server, pools, lanes)
    deploy_plainly(made)
    assert by_gitops == dump(server)


def seed(server: Server, pools: list[dict[str, Any]], lanes: list[dict[str, Any]]) -> None:
    for pool in pools:
        server.post("/work_pools/", {name: pool[name] for name in ("name", "type", "description", "base_job_template")})
    names = {pool["id"]: pool["name"] for pool in pools}
    for lane in lanes:
        if lane["name"] != "default":
            server.post(f"/work_pools/{names[lane['work_pool_id']]}/queues/", {"name": lane["name"], "description": ""})


def test_everything_that_a_deployment_can_state(checkout: Callable[..., Checkout], server: Server) -> None:
    """Schedules of every kind, triggers, limits, lanes, job variables, a variant and a docstring for description."""
    made = checkout()
    bare = {**deployment("scan"), "name": "scan-bare", "description": None, "pull": [], "work_pool": {"name": "local"}}
    made.add("scan", FULL, bare)
    made.add("mail")
    compare(made, server)


def test_this_repository(checkout: Callable[..., Checkout], server: Server, tmp_path: Path) -> None:
    """All that this repository itself declares."""
    made = checkout()
    made.root = ROOT
    made.environment |= read_environment(ROOT, "local").values  # Plain Prefect fills placeholders from the shell.
    compare(made, server)


def test_after_a_plain_deploy_the_plan_lists_the_marks_alone(checkout: Callable[..., Checkout], server: Server) -> None:
    """Marks and versions to write again, and the copies of triggers to remove; apply then empties the plan."""
    made = checkout()
    made.add("scan", FULL)
    made.add("mail")
    assert made.gitops("apply").returncode == 0
    deploy_plainly(made)
    plan = json.loads(made.gitops("plan", "--format", "json").stdout)
    changes = {
        (row["kind"], row["name"]): (row["action"], [field["path"] for field in row["fields"]])
        for row in plan["changes"]
        if row["action"] != "unchanged"
    }
    assert changes == {
        ("deployment", "scan/scan"): ("adopt", ["version"]),
        ("deployment", "mail/mail"): ("adopt", ["version"]),
        ("automation", "scan__automation_1"): ("delete", []),
        ("automation", "named"): ("delete", []),
    }
    assert made.gitops("apply", "--adopt").returncode == 0
    assert made.gitops("plan", "--exit-code").returncode == 0


cron = st.sampled_from(["0 1 * * *", "*/15 * * * *", "30 6 1 * *"])
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])
clock = st.one_of(
    st.fixed_dictionaries({"cron": cron}, optional={"timezone": zones}),
    st.fixed_dictionaries({"interval": st.integers(60, 9999), "anchor_date": st.just("2026-01-01T00:00:00Z")}),
    st.fixed_dictionaries({"rrule": st.just("FREQ=HOURLY")}, optional={"timezone": zones}),
)
more = st.fixed_dictionaries(
    {},
    optional={
        "active": st.booleans(),
        "parameters": st.fixed_dictionaries({}, optional={"pages": st.integers(0, 9)}),
    },
)


def tell_apart(found: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
    """By slug and parameters: two that fire together with the same parameters are refused."""
    made = []
    for number, (one, rest) in enumerate(found):
        parameters = {**rest.get("parameters", {}), "label": f"s{number}"}
        made.append({"slug": f"s{number}", **one, **rest, "parameters": parameters})
    return made


schedules = st.lists(st.tuples(clock, more), max_size=3).map(tell_apart)
declarations = st.fixed_dictionaries(
    {},
    optional={
        "schedules": schedules,
        "tags": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
        "parameters": st.fixed_dictionaries(
            {}, optional={"pages": st.integers(), "label": st.text("ab ä'\"#:-\n", max_size=5)}
        ),
        "paused": st.booleans(),
        "concurrency_limit": st.integers(1, 5),
        "enforce_parameter_schema": st.booleans(),
        "description": st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=9),
        "triggers": st.just([TRIGGER]),
    },
)


@settings(
    max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=declarations, second=declarations)
def test_generated_declarations(
    checkout: Callable[..., Checkout], server: Server, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Whatever is declared; and from any declaration to any other, the plan is empty afterwards."""
    made = checkout()
    made.add("scan", deployment("scan", **first))
    compare(made, server)
    made.add("scan", deployment("scan", **first))
    assert made.gitops("apply", "--adopt").returncode == 0
    made.add("scan", deployment("scan", **second))
    applied = made.gitops("apply")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert made.gitops("plan", "--exit-code").returncode == 0
