"""When runs happen: by hand, by our calendar, and by Prefect's own scheduler."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from scripts.gitops.calendar.calendar import find_conflicts, make_calendar
from scripts.gitops.calendar.findings import find_all
from scripts.gitops.calendar.instants import find_clock_changes, find_instants, read_schedule
from scripts.gitops.calendar.lines import Line
from scripts.gitops.calendar.picture import print_calendar
from scripts.gitops.canonical import canonical_schedule
from scripts.gitops.environment import Environment
from scripts.gitops.repository import Repository, read_repository
from scripts.gitops.server import Server
from tests.scripts.gitops.checkout import Checkout, deployment
from tests.scripts.gitops.conftest import read_deployments

CASES: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("instants.yaml").read_text())
NAMES = [case["name"] for case in CASES]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(case: dict[str, Any]) -> tuple[datetime, datetime]:
    return instant(case["from"]), instant(case["to"])


def due(case: dict[str, Any]) -> list[datetime]:
    """What Prefect does: as the wall clock asks, unless the table says otherwise."""
    return [instant(each) for each in case.get("prefect", case["expected"])]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_instants_are_those_worked_out_by_hand(case: dict[str, Any]) -> None:
    """Cron, interval and rrule, in three zones, across both changes of clocks."""
    assert find_instants(read_schedule(canonical_schedule(case["schedule"])), *window(case)) == due(case)


@pytest.mark.slow
def test_instants_are_those_of_prefect(checkout: Callable[..., Checkout], server: Server) -> None:
    """Prefect's scheduler, asked for the runs around each change, makes them at the calendar's instants."""
    schedules = [{"slug": f"case-{number}", **case["schedule"]} for number, case in enumerate(CASES)]
    items = [{**deployment("scan"), "name": f"scan-{item['slug']}", "schedules": [item]} for item in schedules]
    made = checkout()
    made.add("scan", *items)
    assert made.gitops("apply").returncode == 0
    rows = read_deployments(server)
    found = {}
    for number, case in enumerate(CASES):
        row = rows[f"scan/scan-case-{number}"]
        start, end = window(case)
        body = {"start_time": start.isoformat(), "end_time": end.isoformat(), "min_runs": 50, "max_runs": 50}
        server.post(f"/deployments/{row['id']}/schedule", body)
        found[case["name"]] = read_instants(server, row["id"], start, end)
    assert found == {case["name"]: due(case) for case in CASES}


def read_instants(server: Server, deployment_id: str, start: datetime, end: datetime) -> list[datetime]:
    body = {"deployments": {"id": {"any_": [deployment_id]}}}
    starts = [datetime.fromisoformat(run["expected_start_time"]) for run in server.list("/flow_runs/filter", **body)]
    return sorted(each for each in starts if start <= each < end)


@pytest.mark.slow
def test_prefect_runs_an_interval_of_days_twice(checkout: Callable[..., Checkout], server: Server) -> None:
    """Made ahead before the clocks change, and again after it: what the warning says."""
    daily = {
        "slug": "daily",
        "interval": 86400,
        "anchor_date": "2027-03-01T09:00:00+01:00",
        "timezone": "Europe/Berlin",
    }
    made = checkout()
    made.add("scan", deployment("scan", schedules=[daily]))
    assert made.gitops("apply").returncode == 0
    row = read_deployments(server)["scan/scan"]
    for start in ("2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"):
        body = {"start_time": start, "end_time": "2027-03-31T00:00:00Z", "min_runs": 3, "max_runs": 3}
        server.post(f"/deployments/{row['id']}/schedule", body)
    found = read_instants(server, row["id"], instant("2027-03-29 00:00"), instant("2027-03-30 00:00"))
    assert found == [instant("2027-03-29 07:00"), instant("2027-03-29 08:00")]


def test_more_instants_than_prefect_looks_at() -> None:
    """Prefect tries a thousand candidates and stops in silence; a calendar of a week has all of every minute."""
    every_minute = read_schedule({"cron": "* * * * *", "timezone": "UTC"})
    start = instant("2027-01-01 00:00")
    found = find_instants(every_minute, start, start + timedelta(days=7))
    assert found == [start + timedelta(minutes=number) for number in range(7 * 24 * 60)]


@pytest.mark.parametrize(
    ("zone", "changes"),
    [
        ("Europe/Berlin", [("2027-03-28 01:00", 60), ("2027-10-31 01:00", -60)]),
        ("America/New_York", [("2027-03-14 07:00", 60), ("2027-11-07 06:00", -60)]),
        ("Australia/Lord_Howe", [("2027-04-03 15:00", -30), ("2027-10-02 15:30", 30)]),
        ("Asia/Tokyo", []),
    ],
)
def test_changes_of_clocks(zone: str, changes: list[tuple[str, int]]) -> None:
    """To the minute, forward and back."""
    found = find_clock_changes(zone, instant("2027-01-01 00:00"), instant("2028-01-01 00:00"))
    assert found == [(instant(at), timedelta(minutes=minutes)) for at, minutes in changes]


FINDINGS: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("findings.yaml").read_text())
MONDAY = instant("2027-01-04 00:00")


def declare(case: dict[str, Any], root: Path) -> Repository:
    """The repository that a case describes."""
    lanes = {name.partition("/")[2]: limit for name, limit in case.get("limits", {}).items() if "/" in name}
    pool = {
        "name": "local",
        "type": "process",
        "description": "Here.",
        "concurrency_limit": case.get("limits", {}).get("local"),
        "lanes": [{"name": "standard", "priority": 1, "concurrency_limit": lanes.get("standard")}],
    }
    made = Checkout.make(root)
    made.write("prefect.yaml", {"name": "example", "work_pools": [pool]})
    for name, stated in case["workflows"].items():
        schedules = [
            {"slug": slug, **(item if isinstance(item, dict) else {"cron": item})}
            for slug, item in stated.get("schedules", {}).items()
        ]
        more = {key: stated[key] for key in ("concurrency_limit", "paused") if key in stated}
        if stated.get("triggers"):
            more["triggers"] = [{"type": "event", "expect": ["arrived"]}]
        workflow = {"owner": "tests", "expected_minutes": stated.get("minutes")}
        workflow |= {key: stated[key] for key in ("reads", "max_age") if key in stated}
        made.add(name, deployment(name, schedules=schedules, **more), workflow=workflow)
    return read_repository(root, Environment("local"))


@pytest.mark.parametrize("case", FINDINGS, ids=[case["name"] for case in FINDINGS])
def test_findings(case: dict[str, Any], tmp_path: Path) -> None:
    """The table says what is found: whether it is certain, which rule, where, and a part of the text."""
    repository = declare(case, tmp_path)
    assert repository.problems == ()
    found = find_conflicts(repository, MONDAY, 7, 2_000)
    told = [f"{'error' if each.is_certain else 'warning'} {each.rule} {each.where}: {each.text}" for each in found]
    assert len(told) == len(case["findings"]), told
    for expected in case["findings"]:
        start, _, part = expected.partition(": ")
        assert any(line.startswith(f"{start}: ") and part in line for line in told), told


def at_minutes(minutes: list[int], lasts: int | None) -> Line:
    instants = tuple(MONDAY + timedelta(minutes=number) for number in sorted(minutes))
    took = timedelta(minutes=lasts) if lasts else None
    reckoned = read_schedule({"cron": "0 0 * * *"})
    return Line("scan/scan", "often", "scan", "UTC", "local", "standard", reckoned, instants, took, "declared")


@given(st.lists(st.integers(0, 10_000), min_size=2, max_size=50, unique=True), st.integers(1, 500))
def test_an_overlap_is_found_exactly_where_there_is_one(minutes: list[int], lasts: int) -> None:
    """Longer than the pause to the next: a finding, at each next; and the crowd it makes where one may run."""
    line = at_minutes(minutes, lasts)
    late = [then for before, then in pairwise(line.instants) if then - before < timedelta(minutes=lasts)]
    found = {each.rule: each for each in find_all([line], [], {"local": 1})}
    assert ("overlap" in found, "crowd" in found) == (bool(late), bool(late))
    assert not late or found["overlap"].instants == tuple(late)


def test_the_picture_is_read_at_a_glance(tmp_path: Path) -> None:
    """Every day alike is drawn once; a run, a conflict and a pause have signs of their own; findings say when."""
    case = {
        "workflows": {
            "scan": {"schedules": {"nightly": "0 3 * * *"}, "minutes": 120},
            "mail": {"schedules": {"early": "0 4 * * *", "off": {"cron": "0 9 * * *", "active": False}}, "minutes": 45},
        },
        "limits": {"local": 1},
    }
    console = Console(width=120, record=True, file=StringIO())
    print_calendar(make_calendar(declare(case, tmp_path), MONDAY, 7), console, "UTC")
    text = console.export_text()
    assert "every day, Mon 4 Jan to Sun 10 Jan" in text
    lines = {line.strip()[:12].strip(): line for line in text.splitlines()}
    assert "······████······" in lines["scan nightly"]
    assert "········!█······" in lines["mail early"]
    assert "░" in lines["mail off"]
    assert "paused" in lines["mail off"]
    assert "the work pool local takes 1 run at a time, and 2 want to run" in text
    assert "(Mon 4 Jan 04:00, Tue 5 Jan 04:00, Wed 6 Jan 04:00 and 4 more)" in " ".join(text.split())
    assert "as expected_minutes declares" in text


def test_many_schedules_are_drawn_by_lane(tmp_path: Path) -> None:
    """What no screen could hold becomes one strip that says how many run."""
    case = {"workflows": {f"scan-{number}": {"schedules": {"nightly": "0 3 * * *"}} for number in range(50)}}
    console = Console(width=120, record=True, file=StringIO())
    print_calendar(make_calendar(declare(case, tmp_path), MONDAY, 1), console, "UTC")
    assert "50 runs of 50 schedules" in console.export_text()


def test_the_command_works_without_a_server(tmp_path: Path) -> None:
    """JSON for programs; a warning of check is no error."""
    case = {"workflows": {"scan": {"schedules": {"often": "*/15 * * * *"}, "minutes": 20}}}
    made = Checkout(tmp_path)
    declare(case, tmp_path)
    told = json.loads(made.gitops("schedule", "--format", "json", "--days", "1").stdout)
    assert len(told["schedules"][0]["instants"]) == 96
    assert [(each["severity"], each["rule"]) for each in told["findings"]] == [("warning", "overlap")]
    checked = made.gitops("check")
    assert (checked.returncode, "warning: runs of scan/scan take 20 min" in checked.stdout) == (0, True)
    assert "there is no workflow nothing" in made.gitops("schedule", "nothing").stderr
    assert "there is no time zone Mars" in made.gitops("schedule", "--timezone", "Mars").stderr


@pytest.mark.slow
def test_what_the_server_knows_counts_more(checkout: Callable[..., Checkout], server: Server) -> None:
    """How long the last runs took, and what a person has paused."""
    made = checkout()
    hourly = {"slug": "hourly", "cron": "0 * * * *"}
    made.add("scan", deployment("scan", schedules=[hourly]), workflow={"owner": "tests", "expected_minutes": 5})
    made.add("mail", deployment("mail", schedules=[hourly]))
    assert made.gitops("apply").returncode == 0
    rows = read_deployments(server)
    for _ in range(3):
        run = server.post(f"/deployments/{rows['scan/scan']['id']}/create_flow_run", {})
        for state in ("RUNNING", "COMPLETED"):
            server.post(f"/flow_runs/{run['id']}/set_state", {"state": {"type": state}, "force": True})
            time.sleep(0.3)
    (schedule,) = rows["mail/mail"]["schedules"]
    server.patch(f"/deployments/{rows['mail/mail']['id']}/schedules/{schedule['id']}", {"active": False})
    told = json.loads(made.gitops("schedule", "--format", "json").stdout)
    found = {each["deployment"]: (each["minutes_from"], each["is_on"]) for each in told["schedules"]}
    assert found == {"scan/scan": ("history", True), "mail/mail": ("unknown", False)}
    minutes = {each["deployment"]: each["minutes"] for each in told["schedules"]}
    assert 0.3 / 60 <= minutes["scan/scan"] < 1
