"""What a workflow asks of the platform must be declared there: pool, lane, job variables; automations must hold."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jsonschema
from pydantic import ValidationError

from scripts.gitops.canonical import REFERENCES, canonical_automation, canonical_trigger, find_trigger_keys
from scripts.gitops.images import ON_THE_HOST, REPOSITORY
from scripts.gitops.job_templates import default_template
from scripts.gitops.placeholders import find_placeholders
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Repository
from scripts.gitops.schema import Automation, Deployment, WorkPool
from scripts.gitops.scoping import KEY
from scripts.gitops.yaml_lines import Document, YamlPath
from shared.errors import ConfigError


def check(repository: Repository) -> Iterator[Problem]:
    assert repository.platform is not None
    assert repository.platform_document is not None
    pools = {pool.name: pool for pool in repository.platform.work_pools}
    for declaration in repository.workflows:
        for index, item in enumerate(declaration.file.deployments):
            yield from _check_work(repository, declaration.document, ("deployments", index, "work_pool"), item, pools)
            yield from _check_triggers(declaration.document, index, item)
        automations = declaration.file.workflow.automations
        yield from _check_automations(repository, declaration.document, ("workflow", "automations"), automations)
    for index, pool in enumerate(repository.platform.work_pools):
        place = ("work_pools", index, "job_defaults")
        yield from _check_job_variables(repository.platform_document, place, pool.job_defaults, pool)
    own = repository.platform.automations
    yield from _check_automations(repository, repository.platform_document, ("automations",), own)


def _check_work(
    repository: Repository, document: Document, place: YamlPath, item: Deployment, pools: Mapping[str, WorkPool]
) -> Iterator[Problem]:
    work = item.work_pool
    pool = pools.get(work.name)
    if pool is None:
        instead = _meant(work.name, list(pools)) or "declare it under work_pools in the root prefect.yaml"
        line = document.line_of((*place, "name"))
        yield Problem(document.path, line, f"the work pool {work.name} is declared nowhere", instead, "undeclared")
        return
    lanes = [*(lane.name for lane in pool.lanes), "default"]
    if work.work_queue_name and work.work_queue_name not in lanes:
        line = document.line_of((*place, "work_queue_name"))
        found = f"{pool.name} has no lane {work.work_queue_name}: Prefect would make one, with a priority of its own"
        instead = _meant(work.work_queue_name, lanes) or f"write one of {', '.join(lanes)}"
        yield Problem(document.path, line, found, instead, "undeclared")
    where = repository.environment
    if pool.type not in ON_THE_HOST and "image" not in work.job_variables and not where.values.get(REPOSITORY):
        found = f"runs of the pool {pool.name} need an image, and environments/{where.name}.env has no {REPOSITORY}"
        yield Problem(document.path, document.line_of((*place, "name")), found, f"add {REPOSITORY}= there", "image")
    yield from _check_job_variables(document, (*place, "job_variables"), work.job_variables, pool)


def _check_job_variables(
    document: Document, place: YamlPath, given: Mapping[str, Any], pool: WorkPool
) -> Iterator[Problem]:
    if not given:
        return
    try:
        template = pool.base_job_template or default_template(pool.type)
    except ConfigError as error:
        yield Problem(document.path, document.line_of(place), str(error), rule="job-variable")
        return
    schema = template.get("variables", {})
    known = schema.get("properties", {})
    for name, value in given.items():
        line = document.line_of((*place, name))
        if name not in known:
            instead = _meant(name, list(known)) or f"write one of {', '.join(sorted(known))}"
            found = f"the pool {pool.name} knows no job variable {name}: it would be stored and ignored"
            yield Problem(document.path, line, found, instead, "job-variable")
        elif not any(find_placeholders(value)):
            fault = find_fault(value, {**known[name], "definitions": schema.get("definitions", {})})
            if fault:
                yield Problem(document.path, line, f"job variable {name}: {fault}", rule="job-variable")


def find_fault(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What a JSON schema has against a value."""
    validator = jsonschema.validators.validator_for(schema)(schema)
    fault = jsonschema.exceptions.best_match(validator.iter_errors(value))
    return None if fault is None else str(fault.message)


def _check_triggers(document: Document, index: int, item: Deployment) -> Iterator[Problem]:
    for number, trigger in enumerate(item.triggers):
        place: YamlPath = ("deployments", index, "triggers", number)
        try:
            canonical_trigger(trigger)
        except ValueError as error:
            line = document.line_of(place)
            yield Problem(document.path, line, f"no valid trigger: {_first(error)}", rule="automation")
        else:
            yield from _check_keys(document, place, trigger, find_trigger_keys(trigger))


def _check_automations(
    repository: Repository, document: Document, place: YamlPath, automations: Sequence[Automation]
) -> Iterator[Problem]:
    deployments = {
        f"{found.folder.replace('_', '-')}/{item.name}"
        for found in repository.workflows
        for item in found.file.deployments
    }
    for index, automation in enumerate(automations):
        line = document.line_of((*place, index))
        try:
            body = canonical_automation(automation.model_dump(exclude={KEY}))
        except ValueError as error:
            yield Problem(document.path, line, f"{automation.name}: {_first(error)}", rule="automation")
            continue
        yield from _check_keys(document, (*place, index, "trigger"), automation.trigger, body["trigger"])
        for number, action in enumerate(automation.actions):
            yield from _check_keys(document, (*place, index, "actions", number), action, body["actions"][number])
        for action in body["actions"]:
            named = action.get("deployment")
            if named is not None and named not in deployments:
                instead = _meant(named, sorted(deployments)) or "write flow/deployment, as declared"
                found = f"{automation.name} runs {named}, which is declared nowhere"
                yield Problem(document.path, line, found, instead, "undeclared")


def _check_keys(
    document: Document, place: YamlPath, given: Mapping[str, Any], known: Iterable[str]
) -> Iterator[Problem]:
    """Prefect's own models of automations skip what they do not know."""
    for key in given:
        if key not in known and REFERENCES.get(key, key) not in known:
            line = document.line_of((*place, key))
            instead = _meant(key, list(known)) or "remove it: Prefect does not read it"
            yield Problem(document.path, line, f"unknown key {place[-1]}.{key}", instead, "unknown-key")


def _first(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(str(step) for step in first['loc'])}: {first['msg']}"


def _meant(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"write {near[0]}" if near else ""
