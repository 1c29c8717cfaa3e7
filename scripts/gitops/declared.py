"""What Git declares for one environment, as resources to compare with a server."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prefect.utilities.templating import apply_values

from scripts.gitops.canonical import canonical_automation, canonical_schedule, canonical_trigger
from scripts.gitops.content import combine
from scripts.gitops.images import ON_THE_HOST, REPOSITORY, name_image
from scripts.gitops.inspection import Inspection
from scripts.gitops.job_templates import fill_template
from scripts.gitops.repository import Declaration, Repository, deployments_of
from scripts.gitops.resources import Kind, Resource
from scripts.gitops.schema import Automation, ConcurrencyLimit, Deployment, Platform, Schedule, WorkPool
from scripts.gitops.scoping import KEY
from shared.errors import ConfigError


@dataclass(frozen=True)
class Declared:
    owner: str
    resources: tuple[Resource, ...]
    trigger_names: Mapping[str, str]
    """Name that plain Prefect would give to a trigger's automation -> its deployment."""


def declare(
    repository: Repository, image_versions: Mapping[str, str], inspections: Mapping[str, Inspection]
) -> Declared:
    """Of a repository without problems. `image_versions` are by folder, `inspections` by entrypoint."""
    platform = repository.platform
    assert platform is not None, "check comes first"
    resources = [*declare_platform(platform)]
    trigger_names: dict[str, str] = {}
    for declaration, item in deployments_of(repository):
        inspection = inspections[item.entrypoint]
        name = f"{inspection.flow_name}/{item.name}"
        fields = _declare_deployment(declaration, item, inspection)
        workflow = declaration.file.workflow.model_dump(mode="json")
        fields["version"] = combine(image_versions[declaration.folder], [fields, workflow])
        image = find_image(repository, declaration, item, image_versions[declaration.folder])
        if image:
            fields["job_variables"] = {**fields["job_variables"], "image": image}
        resources.append(Resource(Kind.DEPLOYMENT, name, fields, _switches(fields), image))
        for number, trigger in enumerate(item.triggers, start=1):
            resources.append(_declare_trigger(name, number, trigger))
            trigger_names[trigger.get("name") or f"{item.name}__automation_{number}"] = name
    for declaration in repository.workflows:
        prefix = f"{declaration.folder}: "
        resources += [_declare_automation(each, prefix) for each in declaration.file.workflow.automations]
    return Declared(platform.name, tuple(resources), trigger_names)


def declare_platform(platform: Platform) -> Iterator[Resource]:
    for pool in platform.work_pools:
        yield Resource(Kind.WORK_POOL, pool.name, _pool_fields(pool))
        for lane in pool.lanes:
            fields = lane.model_dump(exclude={"name"}, exclude_unset=True)
            yield Resource(Kind.LANE, f"{pool.name}/{lane.name}", fields)
    for limit in platform.limits:
        fields = {"limit": limit.limit, "slot_decay_per_second": limit.slot_decay_per_second, "active": True}
        yield Resource(Kind.LIMIT, limit.name, fields, frozenset({"active"}))
    for variable in platform.variables:
        yield Resource(Kind.VARIABLE, variable.name, {"value": variable.value, "tags": sorted(variable.tags)})
    for secret in platform.secrets:
        yield Resource(Kind.SECRET, secret.name, {"present": True})
    for automation in platform.automations:
        yield _declare_automation(automation)


def _pool_fields(pool: WorkPool) -> dict[str, Any]:
    """What is left out is not managed: a pool's limit may be an operator's."""
    fields = pool.model_dump(exclude={"name", "lanes", "environments", "job_defaults"}, exclude_unset=True)
    return {**fields, "base_job_template": fill_template(pool)} if pool.job_defaults else fields


def _declare_automation(automation: Automation, prefix: str = "") -> Resource:
    fields = canonical_automation(automation.model_dump(exclude={KEY}))
    fields.pop("name")
    return Resource(Kind.AUTOMATION, prefix + automation.name, fields, frozenset({"enabled"}))


def _declare_trigger(deployment: str, number: int, spec: Mapping[str, Any]) -> Resource:
    fields = canonical_trigger(spec)
    fields.pop("name")
    fields["actions"] = [
        {**action, "deployment": deployment} if action.get("deployment") == "self" else action
        for action in fields["actions"]
    ]
    name = f"{deployment}: {spec.get('name') or f'trigger {number}'}"
    return Resource(Kind.AUTOMATION, name, fields, frozenset({"enabled"}))


def _declare_deployment(declaration: Declaration, item: Deployment, inspection: Inspection) -> dict[str, Any]:
    limit = item.concurrency_limit
    options = limit if isinstance(limit, ConcurrencyLimit) else None
    pull = item.pull if "pull" in item.model_fields_set else declaration.file.pull
    return {
        "entrypoint": item.entrypoint,
        "description": item.description or inspection.description,
        "tags": sorted(item.tags),
        "active": not item.paused,
        "parameters": item.parameters,
        "parameter_schema": inspection.parameter_schema,
        "enforce_parameter_schema": item.enforce_parameter_schema,
        "work_pool": item.work_pool.name,
        "lane": item.work_pool.work_queue_name or "default",
        # What Prefect leaves out of the stored deployment, we leave out of the declared one.
        "job_variables": apply_values(item.work_pool.job_variables, {}, skip_prefixes=["ctx."]),
        "pull": [pull] if isinstance(pull, dict) else pull or [],
        "concurrency_limit": options.limit if options else limit,
        "collision_strategy": options.collision_strategy if options else None,
        "grace_period_seconds": options.grace_period_seconds if options else None,
        "schedules": {schedule.slug or "": _declare_schedule(schedule) for schedule in item.schedules},
    }


def find_image(
    repository: Repository, declaration: Declaration, item: Deployment, version: str, where: str | None = None
) -> str | None:
    """Its name; None where the runs need none, or the declaration states its own. Raises ConfigError.

    `where` stands in for the environment's own repository of images.
    """
    if "image" in item.work_pool.job_variables or not _needs_image(repository, item):
        return None
    where = where or repository.environment.values.get(REPOSITORY)
    if not where:
        raise ConfigError(
            f"{declaration.path}: runs of the pool {item.work_pool.name} need an image, and environments/"
            f"{repository.environment.name}.env has no {REPOSITORY}; add it, as registry.example.com/mailroom"
        )
    return name_image(where, declaration.folder, version)


def _needs_image(repository: Repository, item: Deployment) -> bool:
    assert repository.platform is not None
    types = {pool.name: pool.type for pool in repository.platform.work_pools}
    return types.get(item.work_pool.name) not in {None, *ON_THE_HOST}


def _declare_schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        **canonical_schedule(schedule.model_dump()),
        "active": schedule.active is not False,
        "parameters": schedule.parameters,
    }


def _switches(fields: Mapping[str, Any]) -> frozenset[str]:
    return frozenset({"active", *(f"schedules.{slug}.active" for slug in fields["schedules"])})


def render_file(fields: Mapping[str, Any], flow_name: str, name: str) -> dict[str, Any]:
    """A `prefect.yaml` for one deployment. Everything is stated, so that nothing of an earlier one stays."""
    limit: dict[str, Any] | int | None = fields["concurrency_limit"]
    if fields["collision_strategy"]:
        names = ("collision_strategy", "grace_period_seconds")
        limit = {"limit": limit, **{key: fields[key] for key in names if fields[key] is not None}}
    return {
        "build": [],
        "push": [],
        "pull": fields["pull"],
        "deployments": [
            {
                "name": name,
                "flow_name": flow_name,
                "entrypoint": fields["entrypoint"],
                "description": fields["description"],
                "version": fields.get("version"),
                "tags": fields["tags"],
                "paused": not fields["active"],
                "parameters": fields["parameters"],
                "enforce_parameter_schema": fields["enforce_parameter_schema"],
                "concurrency_limit": limit,
                "work_pool": {
                    "name": fields["work_pool"],
                    "work_queue_name": fields["lane"],
                    "job_variables": fields["job_variables"],
                },
                "schedules": [{"slug": slug, **item} for slug, item in fields["schedules"].items()],
            }
        ],
    }
