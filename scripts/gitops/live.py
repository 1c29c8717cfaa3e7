"""What a server has, in the same form as what Git declares."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scripts.gitops.canonical import canonical_automation, canonical_schedule, name_references
from scripts.gitops.declared import Declared
from scripts.gitops.marks import OURS, Inventory, find_owner, without_mark
from scripts.gitops.resources import Kind, Live
from scripts.gitops.server import Server

IMPLICIT_LIMITS = ("deployment:", "tag:")
"""Prefix of limits that belong to something else, where they are declared."""
DEFAULT_LANE = "default"
"""Prefect makes it with every pool, and nobody can remove it."""
ACTIONS = ("actions", "actions_on_trigger", "actions_on_resolve")
COPY = re.compile(r"__automation_\d+$")
"""How plain Prefect names the automation that it makes of a trigger."""


@dataclass(frozen=True)
class Reading:
    """All that a server has of the kinds that are managed here."""

    things: tuple[Live, ...]
    inventory: Inventory
    ids: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Kind of reference (`deployment`, `work_pool`, ...) -> name -> id."""
    variables: tuple[Mapping[str, Any], ...] = ()
    """The server's own words, the engine's memory among them."""


def read_live(server: Server) -> Reading:
    variables = server.list("/variables/filter")
    inventory = Inventory(server, variables)
    pools = server.list("/work_pools/filter")
    lanes = server.list("/work_queues/filter")
    flows = {flow["id"]: flow["name"] for flow in server.list("/flows/filter")}
    deployments = server.list("/deployments/filter")
    automations = server.list("/automations/filter")
    secrets = server.list("/block_documents/filter", block_types={"slug": {"any_": ["secret"]}})
    pool_names = {pool["id"]: pool["name"] for pool in pools}
    names = {
        "deployment": {row["id"]: f"{flows[row['flow_id']]}/{row['name']}" for row in deployments},
        "work_pool": pool_names,
        "work_queue": {
            row["id"]: f"{pool_names[row['work_pool_id']]}/{row['name']}"
            for row in lanes
            if row["work_pool_id"] in pool_names
        },
        "automation": {row["id"]: row["name"] for row in automations},
        "block_document": {row["id"]: f"{row['block_type']['slug']}/{row['name']}" for row in secrets},
    }
    things = [
        *(_read_pool(row) for row in pools),
        *(_read_lane(row, names["work_queue"][row["id"]]) for row in lanes if row["id"] in names["work_queue"]),
        *(_read_limit(row) for row in server.list("/v2/concurrency_limits/filter") if _is_own_limit(row)),
        *(_read_variable(row) for row in variables if not set(row["tags"]) & set(OURS)),
        *(Live(Kind.SECRET, row["name"], {"present": True}, row["id"], raw={"id": row["id"]}) for row in secrets),
        *(_read_deployment(row, names["deployment"][row["id"]]) for row in deployments),
    ]
    marked = [_add_marks(thing, inventory) for thing in things]
    marked += _read_automations(automations, names, inventory)
    ids = {kind: {name: key for key, name in found.items()} for kind, found in names.items()}
    return Reading(tuple(_inherit(marked)), inventory, ids, tuple(variables))


def _add_marks(thing: Live, inventory: Inventory) -> Live:
    return replace(
        thing,
        owner=thing.owner or inventory.owner_of(thing.address),
        turned_off=inventory.turned_off(thing.address),
    )


def _inherit(things: list[Live]) -> Iterator[Live]:
    """The lane that came with a pool belongs to whom the pool belongs to."""
    owners = {thing.name: thing.owner for thing in things if thing.kind is Kind.WORK_POOL}
    for thing in things:
        pool, _, lane = thing.name.partition("/")
        if thing.kind is Kind.LANE and lane == DEFAULT_LANE and thing.owner is None:
            yield replace(thing, owner=owners.get(pool))
        else:
            yield thing


def _read_pool(row: Mapping[str, Any]) -> Live:
    names = ("type", "concurrency_limit", "base_job_template")
    fields = {"description": row["description"] or "", **{name: row[name] for name in names}}
    return Live(Kind.WORK_POOL, row["name"], fields, row["id"], raw=row)


def _read_lane(row: Mapping[str, Any], name: str) -> Live:
    fields = {
        "priority": row["priority"],
        "concurrency_limit": row["concurrency_limit"],
        "description": row["description"] or "",
    }
    return Live(Kind.LANE, name, fields, row["id"], raw=row)


def _is_own_limit(row: Mapping[str, Any]) -> bool:
    return not row["name"].startswith(IMPLICIT_LIMITS)


def _read_limit(row: Mapping[str, Any]) -> Live:
    fields = {name: row[name] for name in ("limit", "slot_decay_per_second", "active")}
    return Live(Kind.LIMIT, row["name"], fields, row["id"], raw=row)


def _read_variable(row: Mapping[str, Any]) -> Live:
    fields = {"value": row["value"], "tags": without_mark(row["tags"])}
    return Live(Kind.VARIABLE, row["name"], fields, row["id"], find_owner(row["tags"]), raw=row)


def _read_deployment(row: Mapping[str, Any], name: str) -> Live:
    limit = row["global_concurrency_limit"]
    options = row["concurrency_options"] or {}
    fields = {
        "entrypoint": row["entrypoint"],
        "description": row["description"],
        "version": row["version"],
        "tags": without_mark(row["tags"]),
        "active": not row["paused"],
        "parameters": row["parameters"],
        "parameter_schema": row["parameter_openapi_schema"],
        "enforce_parameter_schema": row["enforce_parameter_schema"],
        "work_pool": row["work_pool_name"],
        "lane": row["work_queue_name"],
        "job_variables": row["job_variables"],
        "pull": row["pull_steps"],
        "concurrency_limit": limit["limit"] if limit else None,
        "collision_strategy": options.get("collision_strategy") if limit else None,
        "grace_period_seconds": options.get("grace_period_seconds") if limit else None,
        "schedules": {_slug(item): _read_schedule(item) for item in row["schedules"]},
    }
    return Live(Kind.DEPLOYMENT, name, fields, row["id"], find_owner(row["tags"]), raw=row)


def _slug(item: Mapping[str, Any]) -> str:
    return item["slug"] or f"without slug {item['id'][:8]}"


def _read_schedule(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**canonical_schedule(item["schedule"]), "active": item["active"], "parameters": item["parameters"]}


def _read_automations(
    rows: list[dict[str, Any]], names: Mapping[str, Mapping[str, str]], inventory: Inventory
) -> Iterator[Live]:
    """Names are not unique there: the second of a name gets its id beside it, so that it can be told apart."""
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: (find_owner(row["tags"]) is None, row["created"])):
        named = {
            **row,
            **{part: [name_references(action, names) for action in row[part]] for part in ACTIONS},
        }
        fields = canonical_automation(named)
        fields.pop("name")
        owner = find_owner(row["tags"])
        name = row["name"] if row["name"] not in seen else f"{row['name']} ({row['id'][:8]})"
        seen.add(name)
        live = Live(Kind.AUTOMATION, name, fields, row["id"], owner, raw=row)
        yield replace(live, turned_off=inventory.turned_off(live.address))


def find_trigger_copies(things: tuple[Live, ...], declared: Declared) -> tuple[Live, ...]:
    """The things, where automations that plain `prefect deploy` made of the triggers of our deployments count as ours.

    They bear no mark: they are known by what they run, a deployment that is declared or ours, and by their name.
    """
    owner, expected = declared.owner, declared.trigger_names
    ours = {thing.name for thing in things if thing.kind is Kind.DEPLOYMENT and thing.owner == owner}
    ours |= {resource.name for resource in declared.resources if resource.kind is Kind.DEPLOYMENT}
    return tuple(
        replace(thing, owner=owner) if thing.owner is None and _is_copy(thing, ours, expected) else thing
        for thing in things
    )


def _is_copy(thing: Live, ours: set[str], expected: Mapping[str, str]) -> bool:
    if thing.kind is not Kind.AUTOMATION:
        return False
    runs = {action.get("deployment") for action in thing.fields["actions"] if action["type"] == "run-deployment"}
    name = thing.raw["name"]
    deployment = next(iter(runs & ours), None)
    if deployment is None:
        return False
    prefix = f"{deployment.partition('/')[2]}__automation_"
    return expected.get(name) == deployment or (name.startswith(prefix) and bool(COPY.search(name)))
