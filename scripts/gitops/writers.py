"""How each kind of thing is made, changed and removed on a server, but for deployments: `prefect deploy` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.gitops.canonical import REFERENCES
from scripts.gitops.job_templates import default_template
from scripts.gitops.live import DEFAULT_LANE
from scripts.gitops.marks import MARKED_BY_TAG, Inventory, mark
from scripts.gitops.resources import Kind, Live, Resource
from scripts.gitops.server import Server, Taken
from shared.errors import ConfigError


@dataclass(frozen=True)
class Writer:
    """One server, one owner. `ids` resolves what automations name."""

    server: Server
    inventory: Inventory
    owner: str

    def write(self, resource: Resource, live: Live | None, ids: Mapping[str, Mapping[str, str]]) -> None:
        """Made, or changed in place: its id and its history stay."""
        match resource.kind:
            case Kind.WORK_POOL:
                self._write_pool(resource, live)
            case Kind.LANE:
                self._write_lane(resource, live)
            case Kind.LIMIT:
                self._write_limit(resource, live)
            case Kind.VARIABLE:
                self._write_variable(resource, live)
            case Kind.AUTOMATION:
                self._write_automation(resource, live, ids)
            case Kind.SECRET | Kind.DEPLOYMENT:
                pass  # A secret's value is not ours to write, only its mark; a deployment is deployed.
        if resource.kind not in MARKED_BY_TAG:
            self.inventory.own(resource.address, self.owner)

    def delete(self, live: Live) -> None:
        paths = {
            Kind.WORK_POOL: f"/work_pools/{live.name}",
            Kind.LANE: f"/work_queues/{live.id}",
            Kind.LIMIT: f"/v2/concurrency_limits/{live.id}",
            Kind.VARIABLE: f"/variables/{live.id}",
            Kind.SECRET: f"/block_documents/{live.id}",
            Kind.DEPLOYMENT: f"/deployments/{live.id}",
            Kind.AUTOMATION: f"/automations/{live.id}",
        }
        # A pool's default lane comes and goes with the pool; the server refuses to delete it alone.
        if live.kind is not Kind.LANE or live.name.rpartition("/")[2] != DEFAULT_LANE:
            self.server.delete(paths[live.kind])
        self.inventory.disown(live.address)

    def _write_pool(self, resource: Resource, live: Live | None) -> None:
        fields = dict(resource.fields)
        if live is None:
            fields.setdefault("base_job_template", default_template(fields["type"]))
            self.server.post("/work_pools/", {"name": resource.name, **fields})
        elif changed := {name: value for name, value in fields.items() if name != "type"}:
            self.server.patch(f"/work_pools/{resource.name}", changed)

    def _write_lane(self, resource: Resource, live: Live | None) -> None:
        """Creating a queue shifts the priorities of the others, updating one does not."""
        pool, _, lane = resource.name.partition("/")
        if live is None:
            try:
                made = self.server.post(f"/work_pools/{pool}/queues/", {"name": lane, "description": ""})
            except Taken:  # The default lane came into being with its pool, a moment ago.
                made = self.server.get(f"/work_pools/{pool}/queues/{lane}")
            queue = made["id"]
        else:
            queue = live.id
        self.server.patch(f"/work_queues/{queue}", dict(resource.fields))

    def _write_limit(self, resource: Resource, live: Live | None) -> None:
        if live is None:
            self.server.post("/v2/concurrency_limits/", {"name": resource.name, **resource.fields})
        else:
            self.server.patch(f"/v2/concurrency_limits/{live.id}", dict(resource.fields))

    def _write_variable(self, resource: Resource, live: Live | None) -> None:
        tags = [*resource.fields["tags"], mark(self.owner)]
        body = {"name": resource.name, "value": resource.fields["value"], "tags": tags}
        if live is None:
            self.server.post("/variables/", body)
        else:
            self.server.patch(f"/variables/{live.id}", body)

    def _write_automation(self, resource: Resource, live: Live | None, ids: Mapping[str, Mapping[str, str]]) -> None:
        fields = {
            part: [to_ids(action, ids, resource.name) for action in value] if part.startswith("actions") else value
            for part, value in resource.fields.items()
        }
        tags = [*(live.raw.get("tags", []) if live else []), mark(self.owner)]
        body = {"name": resource.name, "tags": sorted(set(tags)), **fields}
        if live is None:
            self.server.post("/automations/", body)
        else:
            self.server.put(f"/automations/{live.id}", body)


def to_ids(action: Mapping[str, Any], ids: Mapping[str, Mapping[str, str]], automation: str) -> dict[str, Any]:
    """Raises ConfigError where an action names something that the server does not have."""
    turned = dict(action)
    for kind, key in REFERENCES.items():
        name = turned.pop(kind, None)
        if name is None:
            continue
        if name not in ids.get(kind, {}):
            thing = kind.replace("_", " ")
            raise ConfigError(f"automation {automation} acts on the {thing} {name}, which the server does not have")
        turned[key] = ids[kind][name]
    return turned


def clear_scheduled_runs(server: Server, deployment: str) -> int:
    """Runs that the scheduler made ahead of time and that have not begun; how many there were."""
    runs = server.list(
        "/flow_runs/filter",
        deployments={"id": {"any_": [deployment]}},
        flow_runs={"state": {"type": {"any_": ["SCHEDULED"]}}},
    )
    waiting = [run for run in runs if run["auto_scheduled"]]
    for run in waiting:
        server.delete(f"/flow_runs/{run['id']}")
    return len(waiting)
