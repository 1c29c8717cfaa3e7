"""The declarations of a checkout, read and resolved for one environment."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from scripts.gitops import scoping
from scripts.gitops.environment import Environment
from scripts.gitops.placeholders import VARIABLE, resolve
from scripts.gitops.problems import Problem
from scripts.gitops.schema import KNOWN_KEYS, Deployment, Platform, WorkflowFile
from scripts.gitops.yaml_lines import Document, YamlError, YamlPath, read_document

PLATFORM_FILE = "prefect.yaml"
UNION_BRANCHES = frozenset({"int", "float", "str", "constrained-int", "ConcurrencyLimit"})

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Declaration:
    """One workflow's file."""

    folder: str
    document: Document
    file: WorkflowFile

    @property
    def path(self) -> Path:
        return Path("flows", self.folder, PLATFORM_FILE)


@dataclass(frozen=True)
class Repository:
    """What could be read, and what is wrong with the rest."""

    root: Path
    environment: Environment
    platform: Platform | None
    platform_document: Document | None
    workflows: tuple[Declaration, ...]
    problems: tuple[Problem, ...] = field(default=())

    @property
    def variables(self) -> dict[str, Any]:
        return {variable.name: variable.value for variable in self.platform.variables} if self.platform else {}


def read_repository(root: Path, environment: Environment) -> Repository:
    """Never raises for what a file says: that is a problem in the result."""
    problems: list[Problem] = []
    values: dict[str, Any] = {f"${name}": value for name, value in environment.values.items()}
    document = _read(root, Path(PLATFORM_FILE), problems)
    if document:
        problems += scoping.check(root, document)
        document = scoping.select(document, environment.name)
    platform = _validate(document, Platform, values, problems) if document else None
    if platform:
        values |= {f"{VARIABLE}{variable.name}": variable.value for variable in platform.variables}
    workflows = []
    for path in sorted((root / "flows").glob(f"*/{PLATFORM_FILE}")):
        found = _read(root, path.relative_to(root), problems)
        file = _validate(found, WorkflowFile, values, problems) if found else None
        if found and file:
            workflows.append(Declaration(path.parent.name, found, file))
    return Repository(root, environment, platform, document, tuple(workflows), tuple(problems))


def _read(root: Path, path: Path, problems: list[Problem]) -> Document | None:
    try:
        found = read_document(root / path)
    except FileNotFoundError:
        problems.append(Problem(path, 1, "the file is missing", "declare the platform in it", "missing-file"))
        return None
    except YamlError as error:
        problems.append(Problem(path, error.line, f"no valid YAML: {error.found}", rule="yaml"))
        return None
    document = Document(path, found.data, found.lines, found.repeated)
    problems += [_repeated(document, place) for place in document.repeated]
    return document


def _repeated(document: Document, place: YamlPath) -> Problem:
    found = f"the key {place[-1]} stands twice here, and only the last one counts"
    return Problem(document.path, document.line_of(place), found, "keep one", "repeated-key")


def _validate(
    document: Document, model: type[Model], values: Mapping[str, Any], problems: list[Problem]
) -> Model | None:
    try:
        return model.model_validate(resolve(document.data, values))
    except ValidationError as error:
        problems += [_explain(document, details) for details in error.errors()]
        return None


def _explain(document: Document, details: Any) -> Problem:
    # Pydantic names the branch of a union in `loc`, which is no key of the file.
    place = tuple(step for step in details["loc"] if not (isinstance(step, str) and step in UNION_BRANCHES))
    line = document.line_of(place)
    where = ".".join(str(step) for step in place)
    if details["type"] == "extra_forbidden":
        key = str(details["loc"][-1])
        near = difflib.get_close_matches(key, KNOWN_KEYS, 1)
        instead = f"write {near[0]}" if near else "remove it: neither Prefect nor gitops reads it"
        return Problem(document.path, line, f"unknown key {where}", instead, "unknown-key")
    if details["type"] == "missing":
        return Problem(document.path, line, f"{where} is missing", "add it", "missing-key")
    return Problem(document.path, line, f"{where}: {details['msg']}, found {details['input']!r:.80}", rule="value")


def deployments_of(repository: Repository) -> list[tuple[Declaration, Deployment]]:
    return [(declaration, item) for declaration in repository.workflows for item in declaration.file.deployments]
