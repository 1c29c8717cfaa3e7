"""`{{ ... }}`: everything that Prefect would silently replace by nothing, or store in plain text for all to read."""

import difflib
from collections.abc import Iterator
from typing import Any

from scripts.gitops.placeholders import BLOCK, VARIABLE, Placeholder, find_placeholders
from scripts.gitops.problems import Problem
from scripts.gitops.recipe import VALUES as GIVEN
from scripts.gitops.repository import Repository
from scripts.gitops.yaml_lines import Document

SECRET = f"{BLOCK}secret."
TEMPLATED_LATER = frozenset({"triggers", "automations", "definitions"})
"""Automations fill in names of their own when they fire."""


def check(repository: Repository) -> Iterator[Problem]:
    documents = [found.document for found in repository.workflows]
    if repository.platform_document is not None:
        documents.append(repository.platform_document)
    outputs = {output for document in documents for output in _step_ids(document.data)}
    for document in documents:
        for placeholder in find_placeholders(document.data):
            yield from _check_one(repository, document, placeholder, outputs)


def _check_one(
    repository: Repository, document: Document, placeholder: Placeholder, outputs: set[str]
) -> Iterator[Problem]:
    name, steps = placeholder.name, set(placeholder.path)
    line = document.line_of(placeholder.path)
    if name.startswith(BLOCK):
        yield from _check_block(repository, document, placeholder)
    elif name.startswith(VARIABLE):
        known = repository.variables
        if name.removeprefix(VARIABLE) not in known:
            yield _undeclared(document, line, "variable", name.removeprefix(VARIABLE), list(known))
    elif name.startswith("$"):
        environment = repository.environment
        given = {*environment.values, *(GIVEN if steps & {"build", "push"} else ())}
        if "pull" not in steps and name[1:] not in given:
            found = f"{{{{ {name} }}}} is not set in {environment.name}: Prefect would write nothing in its place"
            instead = f"add {name[1:]}=... to environments/{environment.name}.env"
            yield Problem(document.path, line, found, instead, "unset")
    elif not steps & TEMPLATED_LATER and not name.startswith("ctx.") and name.split(".")[0] not in outputs:
        found = f"{{{{ {name} }}}} is no output of a build or push step: Prefect would write nothing in its place"
        yield Problem(document.path, line, found, "write the value, or declare the step with that id", "unset")


def _check_block(repository: Repository, document: Document, placeholder: Placeholder) -> Iterator[Problem]:
    line = document.line_of(placeholder.path)
    if "pull" not in placeholder.path and placeholder.path[:1] != ("work_pools",):
        yield Problem(
            document.path,
            line,
            f"{{{{ {placeholder.name} }}}} would be stored as plain text, readable by everyone who reaches the server",
            "load the block in the flow's code, or name it in the pool's job_defaults: the worker fills it in",
            "secret",
        )
    elif placeholder.name.startswith(SECRET):
        name = placeholder.name.removeprefix(SECRET).split(".")[0]
        known = [secret.name for secret in repository.platform.secrets] if repository.platform else []
        if name not in known:
            yield _undeclared(document, line, "secret", name, known)


def _undeclared(document: Document, line: int, kind: str, name: str, known: list[str]) -> Problem:
    near = difflib.get_close_matches(name, known, 1)
    instead = f"write {near[0]}" if near else f"declare it under {kind}s in the root prefect.yaml"
    return Problem(document.path, line, f"the {kind} {name} is declared nowhere", instead, "undeclared")


def _step_ids(data: Any) -> Iterator[str]:
    """Of build and push steps, wherever they stand."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("build", "push") and isinstance(value, list):
                for step in value:
                    yield from (str(options["id"]) for options in _options(step) if "id" in options)
            else:
                yield from _step_ids(value)
    elif isinstance(data, list):
        for item in data:
            yield from _step_ids(item)


def _options(step: Any) -> list[dict[str, Any]]:
    return [value for value in step.values() if isinstance(value, dict)] if isinstance(step, dict) else []
