"""Who owns what on a server: a tag where Prefect has tags, a row of an inventory where it has none.

The inventory is Variables, one for each thing: a single one ends at 5,000 characters.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.gitops.resources import Address, Kind
from scripts.gitops.server import Server

PREFIX = "managed-by:"
ROW = "gitops:inventory"
OFF = "gitops:turned-off"
IMAGE = "gitops:image"
OURS = (ROW, OFF, IMAGE, "gitops:lock", "gitops:live")
"""Tags of variables that are the engine's own memory, and no declared variable."""


def mark(owner: str) -> str:
    return PREFIX + owner


def find_owner(tags: Iterable[str]) -> str | None:
    return next((tag.removeprefix(PREFIX) for tag in tags if tag.startswith(PREFIX)), None)


def without_mark(tags: Iterable[str]) -> list[str]:
    return sorted(tag for tag in tags if not tag.startswith(PREFIX))


class Inventory:
    """The rows as they were read; written through to the server."""

    def __init__(self, server: Server, variables: Iterable[Mapping[str, Any]]) -> None:
        self._server = server
        self._rows = {row["name"]: row for row in variables if ROW in row["tags"] or OFF in row["tags"]}

    def owner_of(self, address: Address) -> str | None:
        row = self._rows.get(_name(ROW, address))
        return find_owner(row["tags"]) if row else None

    def turned_off(self, address: Address) -> frozenset[str]:
        row = self._rows.get(_name(OFF, address))
        return frozenset(row["value"]["switches"]) if row else frozenset()

    def own(self, address: Address, owner: str) -> None:
        self._write(ROW, address, {}, owner)

    def disown(self, address: Address) -> None:
        for tag in (ROW, OFF):
            self._remove(tag, address)

    def note_turned_off(self, address: Address, switches: frozenset[str], owner: str) -> None:
        if switches:
            self._write(OFF, address, {"switches": sorted(switches)}, owner)
        else:
            self._remove(OFF, address)

    def _write(self, tag: str, address: Address, value: dict[str, Any], owner: str) -> None:
        name = _name(tag, address)
        kind, thing = address
        row = {"name": name, "value": {"kind": kind.value, "name": thing, **value}, "tags": [tag, mark(owner)]}
        known = self._rows.get(name)
        if known is None:
            self._rows[name] = self._server.post("/variables/", row)
        elif (known["value"], sorted(known["tags"])) != (row["value"], sorted(row["tags"])):
            self._server.patch(f"/variables/{known['id']}", row)
            self._rows[name] = {**known, **row}

    def _remove(self, tag: str, address: Address) -> None:
        known = self._rows.pop(_name(tag, address), None)
        if known is not None:
            self._server.delete(f"/variables/{known['id']}")


def _name(tag: str, address: Address) -> str:
    kind, thing = address
    digest = hashlib.sha256(f"{kind}\0{thing}".encode()).hexdigest()[:16]
    return f"{tag.replace(':', '-')}-{digest}"


MARKED_BY_TAG = frozenset({Kind.VARIABLE, Kind.DEPLOYMENT, Kind.AUTOMATION})
