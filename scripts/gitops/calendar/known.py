"""What a server knows beside the declarations: how long runs took, and what a person has paused."""

from datetime import timedelta
from statistics import median
from typing import Any

from scripts.gitops.calendar.lines import Known
from scripts.gitops.live import read_live
from scripts.gitops.resources import Kind, Live
from scripts.gitops.server import Server

LAST_RUNS = 20


def read_known(server: Server, owner: str) -> Known:
    """Of our deployments that have a schedule."""
    ours = [
        thing
        for thing in read_live(server).things
        if thing.kind is Kind.DEPLOYMENT and thing.owner == owner and thing.fields["schedules"]
    ]
    lasts = {thing.name: took for thing in ours if (took := _read_lasts(server, thing))}
    paused = {
        (thing.name, slug)
        for thing in ours
        for slug, item in thing.fields["schedules"].items()
        if not (item["active"] and thing.fields["active"])
    }
    return Known(lasts, frozenset(paused))


def _read_lasts(server: Server, deployment: Live) -> timedelta | None:
    """The median of the last runs that completed."""
    body: dict[str, Any] = {
        "deployments": {"id": {"any_": [deployment.id]}},
        "flow_runs": {"state": {"type": {"any_": ["COMPLETED"]}}},
        "sort": "END_TIME_DESC",
        "limit": LAST_RUNS,
    }
    seconds = [run["total_run_time"] for run in server.post("/flow_runs/filter", body)]
    return timedelta(seconds=median(seconds)) if seconds else None
