"""When a thing was changed, as far as the server says."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scripts.gitops.resources import Action, Change, Kind, Live
from scripts.gitops.server import Server

RESOURCES = {Kind.DEPLOYMENT: "deployment", Kind.WORK_POOL: "work-pool", Kind.LANE: "work-queue"}
"""Rows of these are written whenever a worker asks for work: only their events tell when a person changed them."""
NEWEST = 50


@dataclass(frozen=True)
class Traces:
    server: Server

    def find(self, change: Change, live: Live | None) -> datetime | None:
        """The newest of: the thing's own changes, and those of its schedules that differ. None: nobody knows."""
        if live is None:
            return self._find_removal(change)
        if change.action is Action.BLOCKED:
            return None
        slugs = {parts[1] for each in change.fields if (parts := each.path.split("."))[0] == "schedules" and parts[1:]}
        rows = [item for item in live.raw.get("schedules", ()) if item["slug"] in slugs]
        times = [_time(item["updated"]) for item in rows]
        if len(times) < len(change.fields) or not times:
            times += self._find_changes(live)
        return max(times, default=None)

    def _find_changes(self, live: Live) -> list[datetime]:
        kind = RESOURCES.get(live.kind)
        if kind is None:
            return [_time(live.raw["updated"])] if "updated" in live.raw else []
        events = self._events(f"prefect.{kind}.updated", {"id": [f"prefect.{kind}.{live.id}"]})
        return [_time(event["occurred"]) for event in events]

    def _find_removal(self, change: Change) -> datetime | None:
        kind = RESOURCES.get(change.kind)
        group, _, name = change.name.rpartition("/")
        events = self._events(f"prefect.{kind}.deleted", {"labels": {"prefect.resource.name": [name]}}) if kind else []
        return next((_time(event["occurred"]) for event in events if not group or group in _names(event)), None)

    def _events(self, name: str, resource: dict[str, Any]) -> list[Any]:
        """Newest first."""
        body = {"filter": {"event": {"name": [name]}, "resource": resource, "order": "DESC"}, "limit": NEWEST}
        found: list[Any] = self.server.post("/events/filter", body)["events"]
        return found


def _names(event: dict[str, Any]) -> set[str]:
    return {str(related.get("prefect.resource.name")) for related in event["related"]}


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
