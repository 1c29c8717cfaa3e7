"""Changed workflows, deployed beside what is live: under a suffix, without schedules, on a lane of their own."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from scripts.gitops.declared import Declared
from scripts.gitops.environment import Environment
from scripts.gitops.plan import make_plan
from scripts.gitops.resources import Action, Kind, Live, Resource
from shared.errors import ConfigError

PREVIEWS = "MAILROOM_PREVIEWS"
"""Key of an environment: the folder, as its workers see it, below which every preview has one of its own."""
DESTINATION = "destination"
LEDGER = "MAILROOM_LEDGER_URL"


def preview_owner(owner: str, name: str) -> str:
    """A mark of its own: neither can ever touch what the other has. No platform's name has two dashes in a row."""
    return f"{owner}--preview--{name}"


def preview_lane(name: str) -> str:
    return f"preview--{name}"


def find_changed(declared: Declared, things: Iterable[Live]) -> list[Resource]:
    """Deployments that an apply would make, or give another version."""
    plan = make_plan(declared.resources, things, declared.owner)
    changed = {
        change.name
        for change in plan.having(Action.CREATE, Action.ADOPT, Action.UPDATE)
        if change.kind is Kind.DEPLOYMENT
        and (change.action is Action.CREATE or any(each.path == "version" for each in change.fields))
    }
    return [each for each in declared.resources if each.kind is Kind.DEPLOYMENT and each.name in changed]


def make_preview(
    owner: str, name: str, deployments: Iterable[Resource], things: Iterable[Live], folder: str
) -> Declared:
    """What the preview consists of: the deployments, and a lane in each of their pools. Raises ConfigError."""
    made = [_make_deployment(each, name, folder) for each in deployments]
    pools = {str(each.fields["work_pool"]) for each in made}
    lanes = [_make_lane(pool, name, list(things)) for pool in sorted(pools)]
    return Declared(preview_owner(owner, name), (*lanes, *made), {})


def _make_deployment(resource: Resource, name: str, folder: str) -> Resource:
    flow, _, deployment = resource.name.partition("/")
    fields = resource.fields
    # Receipts of a preview must never stand for those of the real thing: it gets a ledger of its own too.
    env = {**fields["job_variables"].get("env", {}), LEDGER: f"sqlite:///{folder}/ledger.db"}
    parameters = dict(fields["parameters"])
    if DESTINATION in fields["parameter_schema"].get("properties", {}):
        parameters[DESTINATION] = f"{folder}/{deployment}"
    changed: Mapping[str, Any] = {
        "parameters": parameters,
        "lane": preview_lane(name),
        "schedules": {},
        "active": True,
        "tags": sorted({*fields["tags"], "preview"}),
        "job_variables": {**fields["job_variables"], "env": env},
    }
    return replace(
        resource, name=f"{flow}/{deployment}--{name}", fields={**fields, **changed}, switches=frozenset({"active"})
    )


def _make_lane(pool: str, name: str, things: list[Live]) -> Resource:
    """Behind all others."""
    if not any(thing.kind is Kind.WORK_POOL and thing.name == pool for thing in things):
        raise ConfigError(f"the server has no work pool {pool}: gitops apply makes it, a preview does not")
    lane = f"{pool}/{preview_lane(name)}"
    others = [thing for thing in things if thing.kind is Kind.LANE and thing.name.startswith(f"{pool}/")]
    priorities = [thing.fields["priority"] for thing in others if "/preview--" not in thing.name]
    fields = {"priority": max(priorities, default=0) + 1, "description": f"Of the preview {name}."}
    return Resource(Kind.LANE, lane, fields)


def find_folder(environment: Environment, default: str, name: str) -> str:
    """Raises ConfigError where the environment does not say where previews write."""
    previews = environment.values.get(PREVIEWS) or (default if environment.is_local else "")
    if not previews:
        raise ConfigError(
            f"environments/{environment.name}.env has no {PREVIEWS}: name the folder, as workers see it, for the"
            " outputs of previews"
        )
    return f"{previews.rstrip('/')}/{name}"
