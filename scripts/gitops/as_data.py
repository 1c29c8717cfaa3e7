"""Deployments made from their declaration alone, where the code that it describes must not be run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from scripts.gitops.resources import Resource
from scripts.gitops.server import Server
from shared.errors import MailroomError

HARMLESS = frozenset({"command", "env", "image"})
"""Job variables that a stranger may state: what else a container may do or see is for the pool to say."""


def restrict(resource: Resource) -> tuple[Resource, list[str]]:
    """Without the job variables that are not for a stranger to state; and their names."""
    stated = resource.fields["job_variables"]
    kept = {name: value for name, value in stated.items() if name in HARMLESS}
    return replace(resource, fields={**resource.fields, "job_variables": kept}), sorted(set(stated) - set(kept))


def deploy_as_data(
    server: Server, files: Mapping[str, Mapping[str, Any]], schemas: Mapping[str, Any]
) -> Iterator[tuple[str, str | None]]:
    """Deployment and what went wrong with it. `files` are of `render_file`, `schemas` of parameters."""
    for name, file in sorted(files.items()):
        try:
            _deploy(server, file, schemas[name])
        except MailroomError as error:
            yield name, str(error)
        else:
            yield name, None


def _deploy(server: Server, file: Mapping[str, Any], schema: Any) -> None:
    (item,) = file["deployments"]
    work = item["work_pool"]
    names = ("name", "description", "version", "tags", "paused", "parameters", "enforce_parameter_schema", "entrypoint")
    body = {
        **{name: item[name] for name in names},
        "flow_id": server.post("/flows/", {"name": item["flow_name"]})["id"],
        "parameter_openapi_schema": schema,
        "pull_steps": file["pull"],
        "work_pool_name": work["name"],
        "work_queue_name": work["work_queue_name"],
        "job_variables": work["job_variables"],
    }
    server.post("/deployments/", body)
