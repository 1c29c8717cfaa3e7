"""Which image a deployment runs: named by what it is made of, pinned by the digest that the registry gave it.

What was deployed once is remembered on the server, so that a rollback or a revert needs neither a build nor a registry.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.gitops.marks import IMAGE, find_owner, mark
from scripts.gitops.resources import Resource
from scripts.gitops.server import Server
from shared.errors import ConfigError

REPOSITORY = "IMAGE_REPOSITORY"
"""Key of an environment: what stands before `/workflow`, as registry.example.com/mailroom."""
ON_THE_HOST = frozenset({"process"})
"""Types of work pools whose runs need no image."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
KEPT = 20
"""Images of one workflow that the server remembers, the newest; as many rollbacks need no registry."""


def name_image(repository: str, folder: str, version: str) -> str:
    """`repository/workflow:version`: the same contents always have the same name."""
    return f"{repository.rstrip('/')}/{folder.replace('_', '-')}:{version}"


def pin(resources: Iterable[Resource], digests: Mapping[str, str]) -> tuple[Resource, ...]:
    """The resources, where each image whose digest is known is named by it. `digests` are by `name_image`."""
    return tuple(_pin_one(resource, digests) for resource in resources)


def _pin_one(resource: Resource, digests: Mapping[str, str]) -> Resource:
    if resource.image is None or resource.image not in digests:
        return resource
    pinned = f"{resource.image.rpartition(':')[0]}@{digests[resource.image]}"
    variables = {**resource.fields["job_variables"], "image": pinned}
    return replace(resource, fields={**resource.fields, "job_variables": variables})


def find_unpinned(resources: Iterable[Resource]) -> list[str]:
    """Names of images that nobody has built, as far as is known."""
    return sorted({each.image for each in resources if each.image and _stated(each) == each.image})


def _stated(resource: Resource) -> str:
    return str(resource.fields["job_variables"]["image"])


def read_digests(path: Path) -> dict[str, str]:
    """A JSON object, `name:version` -> `sha256:...`, as the build wrote it. Raises ConfigError."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is no JSON object of images and their digests")
    for name, digest in found.items():
        if not isinstance(digest, str) or not DIGEST.fullmatch(digest):
            raise ConfigError(
                f"{path}: {name} has the digest {digest!r}, which is none; write sha256: and 64 hex digits"
            )
    return found


@dataclass(frozen=True)
class Memory:
    """The images of one owner that this server has been given, newest first."""

    server: Server
    owner: str
    rows: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, server: Server, owner: str, variables: Iterable[Mapping[str, Any]]) -> "Memory":
        rows = [row for row in variables if IMAGE in row["tags"] and find_owner(row["tags"]) == owner]
        return cls(server, owner, tuple(sorted(rows, key=lambda row: row["updated"], reverse=True)))

    @property
    def digests(self) -> dict[str, str]:
        return {row["value"]["image"]: row["value"]["digest"] for row in self.rows}

    def remember(self, resources: Iterable[Resource]) -> None:
        """What these run now. What is older than the KEPT newest of its workflow is forgotten."""
        known = self.digests
        for image, digest in sorted({*_find_pinned(resources)}):
            body = {"name": _name(self.owner, image), "value": {"image": image, "digest": digest}}
            row = {**body, "tags": [IMAGE, mark(self.owner)]}
            if known.get(image) != digest:
                self._write(row)

    def _write(self, row: Mapping[str, Any]) -> None:
        found = next((each for each in self.rows if each["name"] == row["name"]), None)
        if found is None:
            self.server.post("/variables/", row)
            repository = row["value"]["image"].rpartition(":")[0]
            siblings = [each for each in self.rows if each["value"]["image"].rpartition(":")[0] == repository]
            for old in siblings[KEPT - 1 :]:
                self.server.delete(f"/variables/{old['id']}")
        else:
            self.server.patch(f"/variables/{found['id']}", row)


def _find_pinned(resources: Iterable[Resource]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        if resource.image and _stated(resource) != resource.image:
            yield resource.image, _stated(resource).rpartition("@")[2]


def _name(owner: str, image: str) -> str:
    digest = hashlib.sha256(f"{owner} {image}".encode()).hexdigest()
    return f"gitops-image-{digest[:16]}"
