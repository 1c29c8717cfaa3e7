"""What a plan is about to touch, as it was: put back where the apply fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.gitops.live import Reading, read_live
from scripts.gitops.resources import Address, Kind, Live, Plan, Resource
from scripts.gitops.server import Server
from scripts.gitops.writers import Writer

DEPLOYMENT_FIELDS = (
    "name",
    "flow_id",
    "paused",
    "version",
    "description",
    "tags",
    "parameters",
    "parameter_openapi_schema",
    "enforce_parameter_schema",
    "entrypoint",
    "path",
    "pull_steps",
    "job_variables",
    "work_pool_name",
    "work_queue_name",
    "concurrency_options",
)
AUTOMATION_FIELDS = (
    "name",
    "description",
    "enabled",
    "tags",
    "trigger",
    "actions",
    "actions_on_trigger",
    "actions_on_resolve",
)
SCHEDULE_FIELDS = ("schedule", "active", "parameters", "slug", "max_scheduled_runs")


@dataclass(frozen=True)
class Snapshot:
    touched: tuple[Address, ...]
    before: Mapping[Address, Live]

    @classmethod
    def of(cls, reading: Reading, plan: Plan) -> "Snapshot":
        touched = tuple(change.address for change in plan.pending)
        live = {thing.address: thing for thing in reading.things}
        return cls(touched, {address: live[address] for address in touched if address in live})

    def restore(self, server: Server, owner: str, check: Callable[[], None]) -> list[str]:
        """Names of what was put back. What did not exist before is removed."""
        restored = []
        reading = read_live(server)
        now = {thing.address: thing for thing in reading.things}
        writer = Writer(server, reading.inventory, owner)
        for address in reversed(self.touched):
            if address in now and address not in self.before:
                check()
                writer.delete(now[address])
                restored.append(_label(address))
        for address in self.touched:
            was, is_now = self.before.get(address), now.get(address)
            if was is None or _same(was, is_now):
                continue
            check()
            _put_back(server, writer, was, is_now, reading)
            restored.append(_label(address))
        return restored


def _label(address: Address) -> str:
    return f"{address[0]} {address[1]}"


def _same(was: Live, is_now: Live | None) -> bool:
    return is_now is not None and (was.fields, was.owner) == (is_now.fields, is_now.owner)


def _put_back(server: Server, writer: Writer, was: Live, is_now: Live | None, reading: Reading) -> None:
    match was.kind:
        case Kind.SECRET:
            return  # Never written, and so never changed.
        case Kind.DEPLOYMENT:
            _put_back_deployment(server, was.raw)
        case Kind.VARIABLE:
            _send_raw(server, "variables", was, is_now, ("name", "value", "tags"))
        case Kind.AUTOMATION:
            _send_raw(server, "automations", was, is_now, AUTOMATION_FIELDS)
        case _:
            writer.write(Resource(was.kind, was.name, was.fields), is_now, reading.ids)
            if was.owner is None:
                reading.inventory.disown(was.address)
    reading.inventory.note_turned_off(was.address, was.turned_off, writer.owner)


def _send_raw(server: Server, path: str, was: Live, is_now: Live | None, names: Sequence[str]) -> None:
    body = {name: was.raw[name] for name in names}
    if is_now is None:
        server.post(f"/{path}/", body)
    elif was.kind is Kind.AUTOMATION:
        server.put(f"/{path}/{is_now.id}", body)
    else:
        server.patch(f"/{path}/{is_now.id}", body)


def _put_back_deployment(server: Server, raw: Mapping[str, Any]) -> None:
    """Through the endpoint that makes deployments: it takes every field. Schedules keep their ids by their slugs."""
    limit = raw["global_concurrency_limit"]
    body: dict[str, Any] = {name: raw[name] for name in DEPLOYMENT_FIELDS if raw.get(name) is not None}
    body["concurrency_limit"] = limit["limit"] if limit else None
    body["schedules"] = [{name: item[name] for name in SCHEDULE_FIELDS} for item in raw["schedules"]]
    made = server.post("/deployments/", body)
    slugs = {item["slug"] for item in raw["schedules"]}
    for item in made["schedules"]:
        if item["slug"] not in slugs:
            server.delete(f"/deployments/{made['id']}/schedules/{item['id']}")
