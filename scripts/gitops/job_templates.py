"""The template of a work pool: what a job is made of, and the variables by which a deployment changes it."""

import copy
from functools import cache
from typing import Any

from scripts.gitops.schema import WorkPool
from shared.errors import ConfigError


def fill_template(pool: WorkPool) -> dict[str, Any]:
    """The pool's own template, or Prefect's, with the pool's `job_defaults` as the defaults of its variables.

    Raises ConfigError.
    """
    template = copy.deepcopy(pool.base_job_template or default_template(pool.type))
    properties = template.setdefault("variables", {}).setdefault("properties", {})
    for name, value in pool.job_defaults.items():
        properties.setdefault(name, {})["default"] = value
    return template


@cache
def default_template(pool_type: str) -> dict[str, Any]:
    """Prefect's own, from the installed worker of that type. Raises ConfigError."""
    # A quarter of a second of imports that a plan does not need.
    import anyio  # noqa: PLC0415
    from prefect.workers import utilities  # noqa: PLC0415

    template: dict[str, Any] | None = anyio.run(
        utilities.get_default_base_job_template_for_infrastructure_type, pool_type
    )
    if template is None:
        raise ConfigError(f"no installed worker is of the type {pool_type}; install its package, as prefect-docker")
    return template
