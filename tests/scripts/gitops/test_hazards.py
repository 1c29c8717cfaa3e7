"""Where plain `prefect deploy` bites and `gitops` does not. Every test shows both; docs/why.md lists them."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from scripts.gitops.server import Server
from shared.settings import ROOT
from tests.scripts.gitops.checkout import PULL, Checkout, deployment
from tests.scripts.gitops.conftest import read_deployments, waiting_runs

pytestmark = pytest.mark.slow

Make = Callable[..., Checkout]
NIGHTLY = {"slug": "nightly", "cron": "0 1 * * *", "timezone": "Europe/Berlin"}
HOURLY = {"slug": "hourly", "interval": 3600, "anchor_date": "2026-01-01T00:30:00Z"}


def scan(**more: object) -> dict[str, object]:
    return {**deployment("scan"), **more}


def prepare(checkout: Make, *deployments: dict[str, object]) -> Checkout:
    """Applied once, so that pools and lanes are there for both sides."""
    made = checkout()
    made.add("scan", *(deployments or (scan(),)))
    applied = made.gitops("apply")
    assert applied.returncode == 0, applied.stderr
    return made


def live_schedules(server: Server, name: str = "scan/scan") -> dict[str, bool]:
    return {item["slug"]: item["active"] for item in read_deployments(server)[name]["schedules"]}


def refuse(checkout: Checkout, *words: str) -> str:
    """What `check` says, which must be no success; apply refuses as well."""
    found = checkout.gitops("check")
    assert found.returncode == 1, found.stdout
    for word in words:
        assert word in found.stdout
    return found.stdout


def test_a_mistyped_key(checkout: Make, server: Server) -> None:
    """Plain Prefect ignores it: no schedule. gitops names the line and the key that was meant."""
    made = prepare(checkout)
    made.add("scan", scan(shedules=[NIGHTLY]))
    assert made.deploy().returncode == 0
    assert live_schedules(server) == {}
    told = refuse(made, "unknown key deployments.0.shedules", "write schedules")
    assert re.search(r"flows/scan/prefect.yaml:\d+:", told)


def test_a_removed_deployment(checkout: Make, server: Server) -> None:
    """Plain Prefect leaves it and its waiting runs; gitops removes both."""
    made = prepare(checkout, scan(), scan(name="scan-b", schedules=[NIGHTLY]))
    gone = read_deployments(server)["scan/scan-b"]["id"]
    made.add("scan", scan())
    assert made.deploy().returncode == 0
    assert "scan/scan-b" in read_deployments(server)
    assert made.gitops("apply", "--adopt").returncode == 0
    assert list(read_deployments(server)) == ["scan/scan"]
    assert waiting_runs(server, gone) == []


def test_a_removed_schedule(checkout: Make, server: Server) -> None:
    """Plain Prefect keeps it firing; gitops removes it, and the runs that it had made ahead."""
    made = prepare(checkout, scan(schedules=[NIGHTLY, HOURLY]))
    made.add("scan", scan(schedules=[NIGHTLY]))
    assert made.deploy().returncode == 0
    assert set(live_schedules(server)) == {"nightly", "hourly"}
    assert made.gitops("apply", "--adopt").returncode == 0
    assert set(live_schedules(server)) == {"nightly"}


def test_a_renamed_schedule(checkout: Make, server: Server) -> None:
    """Plain Prefect then fires both; gitops the new one alone."""
    made = prepare(checkout, scan(schedules=[NIGHTLY]))
    made.add("scan", scan(schedules=[{**NIGHTLY, "slug": "late"}]))
    assert made.deploy().returncode == 0
    assert set(live_schedules(server)) == {"nightly", "late"}
    assert made.gitops("apply", "--adopt").returncode == 0
    assert set(live_schedules(server)) == {"late"}


def test_an_empty_list_of_schedules(checkout: Make, server: Server) -> None:
    """Plain Prefect takes `schedules: []` for nothing said; gitops for no schedule."""
    made = prepare(checkout, scan(schedules=[NIGHTLY]))
    made.add("scan", scan(schedules=[]))
    assert made.deploy().returncode == 0
    assert set(live_schedules(server)) == {"nightly"}
    assert made.gitops("apply", "--adopt").returncode == 0
    assert live_schedules(server) == {}


def test_a_schedule_without_a_slug(checkout: Make, server: Server) -> None:
    """Plain Prefect takes it once, and fails at the next deploy with another one; gitops asks for a slug."""
    made = prepare(checkout)
    without = {name: value for name, value in NIGHTLY.items() if name != "slug"}
    made.add("scan", scan(schedules=[without]))
    assert made.deploy().returncode == 0
    assert list(live_schedules(server)) == [None]
    refuse(made, "the schedule has no slug")


def test_a_pause_by_an_operator(checkout: Make, server: Server) -> None:
    """Plain Prefect turns the schedule on again at the next deploy; gitops leaves it off, and says so."""
    made = prepare(checkout, scan(schedules=[{**NIGHTLY, "active": True}]))
    row = read_deployments(server)["scan/scan"]
    server.patch(f"/deployments/{row['id']}/schedules/{row['schedules'][0]['id']}", {"active": False})
    made.add("scan", scan(schedules=[{**NIGHTLY, "active": True}], tags=["new"]))
    assert "turned off by hand" in made.gitops("plan").stdout
    assert made.gitops("apply").returncode == 0
    assert read_deployments(server)["scan/scan"]["tags"][0] == "new"
    assert live_schedules(server) == {"nightly": False}
    assert made.deploy().returncode == 0
    assert live_schedules(server) == {"nightly": True}


def test_one_bad_entrypoint_among_good_ones(checkout: Make, server: Server) -> None:
    """Plain Prefect stops half-way and leaves it so; gitops changes nothing."""
    made = prepare(checkout)
    good, bad = scan(tags=["new"]), scan(name="scan-bad", entrypoint="flows/scan/flow.py:scam")
    made.add("scan", good, bad)
    refused = made.gitops("apply")
    assert refused.returncode == 1
    assert "scam" in refused.stderr
    assert "new" not in read_deployments(server)["scan/scan"]["tags"]
    assert made.deploy().returncode != 0
    assert "new" in read_deployments(server)["scan/scan"]["tags"]


def test_an_unset_variable_in_an_image_reference(checkout: Make, server: Server) -> None:
    """Plain Prefect deploys `registry/scan:`; gitops names the variable and where to set it."""
    made = prepare(checkout)
    work = {"name": "local", "job_variables": {"env": {"IMAGE": "registry/scan:{{ $IMAGE_TAG }}"}}}
    made.add("scan", scan(work_pool=work))
    assert made.deploy().returncode == 0
    assert read_deployments(server)["scan/scan"]["job_variables"] == {"env": {"IMAGE": "registry/scan:"}}
    refuse(made, "$IMAGE_TAG", "environments/local.env")


def test_a_renamed_flow(checkout: Make, server: Server) -> None:
    """Plain Prefect makes a second deployment beside the first, and both fire; gitops sees the names differ."""
    made = prepare(checkout)
    renamed = (made.root / "flows/scan/flow.py").read_text().replace("@flow\n", '@flow(name="scanner")\n')
    made.write("flows/scan/flow.py", renamed)
    assert made.deploy().returncode == 0
    assert set(read_deployments(server)) == {"scan/scan", "scanner/scan"}
    refuse(made, "the flow is named scanner, the folder scan")


def test_the_same_name_twice(checkout: Make, server: Server) -> None:
    """Plain Prefect lets the second overwrite the first; gitops refuses."""
    made = prepare(checkout)
    made.add("scan", scan(tags=["first"]), scan(tags=["second"]))
    assert made.deploy().returncode == 0
    assert read_deployments(server)["scan/scan"]["tags"] == ["second"]
    refuse(made, "scan is declared twice")


def test_a_missing_pull(checkout: Make, server: Server) -> None:
    """Plain Prefect stores the folder of the machine that deploys; gitops asks for pull steps."""
    made = prepare(checkout)
    made.add("scan", pull=())
    assert made.deploy().returncode == 0
    assert str(made.root) in str(read_deployments(server)["scan/scan"]["pull_steps"])
    refuse(made, "has no pull")


def test_an_unknown_job_variable(checkout: Make, server: Server) -> None:
    """Plain Prefect stores and ignores it; gitops names the one that was meant."""
    made = prepare(checkout)
    made.add("scan", scan(work_pool={"name": "local", "job_variables": {"comand": "true"}}))
    assert made.deploy().returncode == 0
    assert read_deployments(server)["scan/scan"]["job_variables"] == {"comand": "true"}
    refuse(made, "no job variable comand", "write command")


def test_siblings_with_equal_names(checkout: Make, server: Server) -> None:
    """Two workflows with a `models.py` each: one process of plain Prefect mixes them up; gitops never does."""
    made = checkout()
    for name, kind in (("scan", "int"), ("file", "str")):
        flow = f"from models import Kind\nfrom prefect import flow\n\n\n@flow\ndef {name}(value: Kind) -> None:\n"
        made.write(f"flows/{name}/models.py", f"Kind = {kind}\n")
        made.add(name, flow=f'{flow}    """Take a value."""\n')
    assert made.gitops("apply").returncode == 0
    types = {name: row["parameter_openapi_schema"] for name, row in read_deployments(server).items()}
    assert types["scan/scan"]["properties"]["value"]["type"] == "integer"
    assert types["file/file"]["properties"]["value"]["type"] == "string"
    made.write("all.yaml", {"pull": PULL, "deployments": [deployment("scan"), deployment("file")]})
    prefect = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file", "all.yaml"]
    assert made._run(prefect, cwd=made.root).returncode == 0
    mixed = read_deployments(server)["file/file"]["parameter_openapi_schema"]
    assert mixed["properties"]["value"]["type"] == "integer"


def test_a_failing_import(checkout: Make, server: Server) -> None:
    """Plain Prefect reads the source instead, and deploys what cannot run; gitops shows the error."""
    made = prepare(checkout)
    flow = made.root / "flows/scan/flow.py"
    made.write("flows/scan/flow.py", "import not_installed_here\n" + flow.read_text())
    assert made.deploy().returncode == 0
    refuse(made, "does not import", "not_installed_here")


def test_the_identity_of_automations(checkout: Make, server: Server) -> None:
    """Plain Prefect deletes and makes them anew at every deploy; gitops changes them in place, and keeps them off."""
    trigger = {"match": {"prefect.resource.id": "inbox"}, "expect": ["inbox.filled"]}
    made = prepare(checkout, scan(triggers=[trigger]))
    first = server.list("/automations/filter")
    assert len(first) == 1
    server.patch(f"/automations/{first[0]['id']}", {"enabled": False})
    made.add("scan", scan(triggers=[{**trigger, "expect": ["inbox.full"]}]))
    assert made.gitops("apply").returncode == 0
    (after,) = server.list("/automations/filter")
    assert (after["id"], after["enabled"], after["trigger"]["expect"]) == (first[0]["id"], False, ["inbox.full"])
    assert made.deploy().returncode == 0
    (copy,) = [row for row in server.list("/automations/filter") if row["id"] != first[0]["id"]]
    assert made.deploy().returncode == 0
    assert copy["id"] not in {row["id"] for row in server.list("/automations/filter")}
    assert made.gitops("apply", "--adopt").returncode == 0
    assert [row["id"] for row in server.list("/automations/filter")] == [first[0]["id"]]


def test_the_priorities_of_queues(checkout: Make, server: Server) -> None:
    """Made one after the other, queues push each other down; gitops leaves them as declared."""
    made = prepare(checkout)
    queues = {row["name"]: row["priority"] for row in server.list("/work_queues/filter")}
    assert queues == {"urgent": 1, "standard": 2, "default": 3}
    server.post("/work_pools/local/queues/", {"name": "express", "priority": 1})
    shifted = {row["name"]: row["priority"] for row in server.list("/work_queues/filter")}
    assert shifted["urgent"] == 2
    assert made.gitops("apply").returncode == 0
    healed = {row["name"]: row["priority"] for row in server.list("/work_queues/filter")}
    assert healed == {"urgent": 1, "standard": 2, "default": 3, "express": 1}


def test_a_secret_in_job_variables(checkout: Make, server: Server) -> None:
    """Plain Prefect writes its value into the deployment, for all to read; gitops refuses the reference."""
    made = checkout(secrets=[{"name": "s3-key"}])
    made.add("scan")
    blocked = made.gitops("apply")
    assert "gitops secret set s3-key" in blocked.stderr
    assert made.gitops("secret", "set", "s3-key", input="hunter2\n").returncode == 0
    assert made.gitops("apply").returncode == 0
    work = {"name": "local", "job_variables": {"env": {"KEY": "{{ prefect.blocks.secret.s3-key }}"}}}
    made.add("scan", scan(work_pool=work))
    assert made.deploy().returncode == 0
    assert read_deployments(server)["scan/scan"]["job_variables"] == {"env": {"KEY": "hunter2"}}
    refuse(made, "would be stored as plain text")


def test_no_api_url(checkout: Make) -> None:
    """Plain Prefect starts an empty server and answers from that; gitops stops."""
    made = checkout("scan")
    del made.environment["PREFECT_API_URL"]
    listed = made._run([sys.executable, "-m", "prefect", "deployment", "ls"], cwd=made.root)
    assert listed.returncode == 0
    for verb in ("plan", "apply"):
        refused = made.gitops(verb)
        assert refused.returncode == 1
        assert "PREFECT_API_URL is not set" in refused.stderr


@pytest.mark.parametrize("marker", ["create lane", "deployed"])
def test_kill_9_in_the_middle(checkout: Make, server: Server, marker: str) -> None:
    """Whatever is half done at a SIGKILL, the next apply finishes it."""
    made = checkout("scan", "file", "mail")
    command = [sys.executable, "-u", "-m", "scripts.gitops", "apply", "--root", str(made.root)]
    environment = {**made.environment, "PATH": "/usr/bin:/bin", "COLUMNS": "200"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if marker in line:
                running.send_signal(signal.SIGKILL)
                break
    assert running.wait() == -signal.SIGKILL
    time.sleep(3)  # A deploy that was under way ends by itself.
    (lock,) = [row for row in server.list("/variables/filter") if row["name"] == "gitops-lock-example"]
    server.delete(f"/variables/{lock['id']}")  # What its expiry does a minute later: test_lock shows that.
    assert made.gitops("plan", "--exit-code").returncode == 2
    healed = made.gitops("apply")
    assert healed.returncode == 0, healed.stderr
    assert set(read_deployments(server)) == {"scan/scan", "file/file", "mail/mail"}
    assert made.gitops("plan", "--exit-code").returncode == 0


@pytest.mark.parametrize("marker", ["create lane", "deployed"])
def test_ctrl_c_in_the_middle(checkout: Make, server: Server, marker: str) -> None:
    """All is put back, as after any other failure, and the lock is free; a terminal tells it to every process."""
    made = checkout("scan", "file", "mail")
    command = [sys.executable, "-u", "-m", "scripts.gitops", "apply", "--root", str(made.root)]
    options: Any = {"cwd": ROOT, "env": made.full_environment(), "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **options) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if marker in line:
                os.killpg(running.pid, signal.SIGINT)
                break
        told = running.stdout.read()
    assert running.returncode != 0
    assert "put back as it was" in told
    assert read_deployments(server) == {}
    assert not [row for row in server.list("/variables/filter") if row["name"].startswith("gitops-lock")]
    assert made.gitops("apply").returncode == 0
