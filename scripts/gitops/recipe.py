"""The image recipe: the `build` and `push` steps of the root `prefect.yaml`, run for one workflow.

They are Prefect's own steps; only their placeholders are resolved here, for Prefect would ask a server for that.
"""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from scripts.gitops.placeholders import find_placeholders, resolve
from shared.errors import ConfigError

KEYWORDS = ("id", "requires")
"""What a step states for Prefect, and not for its function."""
VALUES = ("WORKFLOW", "IMAGE", "IMAGE_VERSION", "COMMIT")
"""What a build gives to its steps, as `{{ $NAME }}`, beside the environment's own values."""


def run_steps(steps: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """In order; each sees the outputs of those before it, as `{{ id.output }}`. All outputs. Raises ConfigError."""
    known = dict(values)
    for step in steps:
        (name, options), *more = step.items()
        if more:
            raise ConfigError(f"a step has one function, this one has {', '.join(step)}")
        known |= _run(name, dict(options or {}), known)
    return known


def _run(name: str, options: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    step_id = options.get("id")
    inputs = resolve({key: value for key, value in options.items() if key not in KEYWORDS}, known)
    if left := sorted({found.name for found in find_placeholders(inputs)}):
        raise ConfigError(f"step {name}: nothing is known of {{{{ {left[0]} }}}}")
    module, _, function = name.rpartition(".")
    try:
        run = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"there is no step {name}: {error}") from error
    try:
        outputs = run(**inputs)
    except Exception as error:
        raise ConfigError(f"step {name} failed: {error}") from error
    return {f"{step_id}.{key}": value for key, value in (outputs or {}).items()} if step_id else {}
