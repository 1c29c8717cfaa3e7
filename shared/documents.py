"""Identity of documents and of results: the digest of the content, and the key of what was made of it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from shared.budgets import Budget

REVISION = "revision"
"""The one condition that every result depends on: the workflow's hand-raised RESULT_REVISION."""


def digest_file(path: Path) -> str:
    """SHA-256 of the content, 64 hexadecimal digits; OSError where the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def render_conditions(
    parameters: BaseModel, budget: Budget, engines: Mapping[str, str], revision: int
) -> dict[str, Any]:
    """Everything that a result may depend on, by the names that `Product.depends_on` uses."""
    return {
        REVISION: revision,
        **parameters.model_dump(mode="json"),
        **{f"budget.{name}": value for name, value in budget.model_dump(mode="json").items()},
        **engines,
    }


def select_conditions(conditions: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The part of the conditions that one result depends on; KeyError names one that does not exist."""
    return {name: conditions[name] for name in sorted({REVISION, *names})}


def result_key(digest: str, depends_on: Mapping[str, Any]) -> str:
    """SHA-256 over the document's digest and the conditions that this result depends on, as canonical JSON.

    The workflow's version is not part of it: an edited README must not read a million pages again.
    """
    canonical = json.dumps([digest, depends_on], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def is_current(depends_on: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """True where a result made under `depends_on` would come out the same under `conditions`."""
    return all(name in conditions and conditions[name] == value for name, value in depends_on.items())
