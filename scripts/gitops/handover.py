"""Declarations in a file: written where a pull request's code runs, read where the credentials are."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scripts.gitops.declared import Declared
from scripts.gitops.resources import Kind, Resource
from shared.errors import ConfigError

FORMAT = 1
MAX_BYTES = 50_000_000


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Kind
    name: str = Field(max_length=1000)
    fields: dict[str, Any]
    switches: list[str]
    image: str | None = Field(default=None, max_length=1000)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: int
    environment: str = Field(max_length=100)
    commit: str = Field(max_length=100)
    owner: str = Field(max_length=100)
    resources: list[_Row]
    trigger_names: dict[str, str]


def write_declared(path: Path, declared: Declared, environment: str, commit: str) -> None:
    rows = [
        {
            "kind": each.kind,
            "name": each.name,
            "fields": dict(each.fields),
            "switches": sorted(each.switches),
            "image": each.image,
        }
        for each in declared.resources
    ]
    content = {
        "format": FORMAT,
        "environment": environment,
        "commit": commit,
        "owner": declared.owner,
        "resources": rows,
        "trigger_names": dict(declared.trigger_names),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8")


def read_declared(path: Path, environment: str) -> Declared:
    """The file may come from a stranger: it is data, and is never run. Raises ConfigError."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} is larger than {MAX_BYTES} bytes; no declarations are")
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}; gitops render --declared FILE writes it"
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ConfigError(f"{path} is not what gitops render wrote: {where}: {first['msg']}") from error
    if file.format != FORMAT:
        raise ConfigError(f"{path} is of format {file.format}, this gitops reads {FORMAT}: render it anew")
    if file.environment != environment:
        raise ConfigError(f"{path} was rendered for {file.environment}, not for {environment}")
    resources = tuple(
        Resource(row.kind, row.name, row.fields, frozenset(row.switches), row.image) for row in file.resources
    )
    return Declared(file.owner, resources, file.trigger_names)
