"""Secrets: declared by name, present on the server or not, set from standard input. No value is ever read back."""

import difflib
from collections.abc import Iterable

from scripts.gitops.live import read_live
from scripts.gitops.resources import Kind
from scripts.gitops.server import Server
from shared.errors import ConfigError

TYPE = "secret"


def find_missing(server: Server, declared: Iterable[str]) -> list[str]:
    present = {thing.name for thing in read_live(server).things if thing.kind is Kind.SECRET}
    return sorted(set(declared) - present)


def set_secret(server: Server, owner: str, declared: Iterable[str], name: str, value: str) -> None:
    """Makes or replaces the Secret block. Raises ConfigError where nobody declares the name, or the value is empty."""
    known = sorted(declared)
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        instead = f"did you mean {near[0]}?" if near else "declare it under secrets in the root prefect.yaml first"
        raise ConfigError(f"the secret {name} is declared nowhere; {instead}")
    if not value:
        raise ConfigError("there is nothing on standard input; type: gitops secret set NAME < FILE")
    kind = server.get(f"/block_types/slug/{TYPE}")
    schema = server.list("/block_schemas/filter", block_schemas={"block_type_id": {"any_": [kind["id"]]}})[0]
    reading = read_live(server)
    known_id = reading.ids["block_document"].get(f"{TYPE}/{name}")
    body = {"data": {"value": value}, "block_schema_id": schema["id"]}
    if known_id is None:
        server.post("/block_documents/", {"name": name, "block_type_id": kind["id"], **body})
    else:
        server.patch(f"/block_documents/{known_id}", {**body, "merge_existing_data": False})
    reading.inventory.own((Kind.SECRET, name), owner)
