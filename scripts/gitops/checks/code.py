"""What can only be told with the code: it imports, the flow has its name, and takes what it is given."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from scripts.gitops.checks.platform import find_fault
from scripts.gitops.inspection import Inspection
from scripts.gitops.placeholders import find_placeholders
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Declaration, Repository
from scripts.gitops.schema import Deployment
from scripts.gitops.yaml_lines import Document, YamlPath


def check(repository: Repository, inspections: Mapping[str, Inspection]) -> Iterator[Problem]:
    for declaration in repository.workflows:
        for index, item in enumerate(declaration.file.deployments):
            yield from _check_deployment(declaration, ("deployments", index), item, inspections[item.entrypoint])


def _check_deployment(
    declaration: Declaration, place: YamlPath, item: Deployment, inspection: Inspection
) -> Iterator[Problem]:
    document = declaration.document
    line = document.line_of((*place, "entrypoint"))
    if inspection.fault is not None:
        found = f"{item.entrypoint} does not import: {inspection.fault}"
        instead = "fix the code, or add what is missing to the workflow's dependency group"
        yield Problem(document.path, line, found, instead, "import")
        return
    expected = declaration.folder.replace("_", "-")
    if inspection.flow_name != expected:
        found = f"the flow is named {inspection.flow_name}, the folder {declaration.folder}"
        yield Problem(document.path, line, found, f"write @flow(name={expected!r}), or leave the name out", "name")
    if not (item.description or inspection.description):
        found = f"{item.name} has no description, and its flow no docstring: Prefect would store the word None"
        yield Problem(document.path, document.line_of(place), found, "add description:", "description")
    yield from _check_parameters(document, (*place, "parameters"), item.parameters, inspection, item)
    for number, schedule in enumerate(item.schedules):
        inner = (*place, "schedules", number, "parameters")
        yield from _check_parameters(document, inner, schedule.parameters, inspection, item)


def _check_parameters(
    document: Document, place: YamlPath, given: Mapping[str, Any], inspection: Inspection, item: Deployment
) -> Iterator[Problem]:
    schema = inspection.parameter_schema
    known = schema.get("properties", {})
    for name, value in given.items():
        line = document.line_of((*place, name))
        if name not in known:
            near = difflib.get_close_matches(name, list(known), 1)
            instead = f"write {near[0]}" if near else f"it takes {', '.join(known) or 'none'}"
            yield Problem(document.path, line, f"the flow takes no parameter {name}", instead, "parameter")
        elif item.enforce_parameter_schema and not any(find_placeholders(value)):
            fault = find_fault(value, {**known[name], "definitions": schema.get("definitions", {})})
            if fault:
                yield Problem(document.path, line, f"parameter {name}: {fault}", rule="parameter")
