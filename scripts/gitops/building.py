"""Images: which there are, and those built that the registry does not have."""

import contextlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.gitops.commits import read_commit
from scripts.gitops.content import read_versions, read_versions_at
from scripts.gitops.declared import find_image
from scripts.gitops.recipe import run_steps
from scripts.gitops.registry import find_digest, run_docker
from scripts.gitops.repository import deployments_of
from scripts.gitops.sbom import write_sbom
from scripts.gitops.session import ProblemsFound, Session
from shared.errors import ConfigError

Tell = Callable[[str], None]
IMPORT = "import sys; from prefect.flows import load_flow_from_entrypoint as load; [load(e) for e in sys.argv[1:]]"
ARCHIVED = "mailroom-archived"
"""What stands before `/workflow` in an archive."""
LOCKED_DOWN = ("--network=none", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL", "--security-opt=no-new-privileges")


@dataclass(frozen=True)
class Image:
    workflow: str
    """Its folder."""
    name: str
    """`repository/workflow:version`."""
    entrypoints: tuple[str, ...]
    digest: str | None = None
    """What the registry says; None: it has no such image."""


def find_images(
    session: Session, workflows: Sequence[str] = (), *, ask: bool = True, repository: str | None = None
) -> list[Image]:
    """Of the workflows that run in one. Raises ConfigError. Without `ask` the registry is left alone.

    `repository` stands in for the environment's own.
    """
    if session.repository.problems:
        raise ProblemsFound(session.repository.problems)
    versions = read_versions(session.root)
    if unknown := sorted(set(workflows) - set(versions)):
        raise ConfigError(f"there is no workflow {unknown[0]}; there are {', '.join(versions)}")
    entrypoints: dict[tuple[str, str], list[str]] = {}
    for found, item in deployments_of(session.repository):
        name = find_image(session.repository, found, item, versions[found.folder].image, repository)
        if name and (not workflows or found.folder in workflows):
            entrypoints.setdefault((found.folder, name), []).append(item.entrypoint)
    return [
        Image(folder, name, tuple(sorted(set(points))), find_digest(name) if ask else None)
        for (folder, name), points in sorted(entrypoints.items())
    ]


def build(session: Session, workflows: Sequence[str], tell: Tell, *, push: bool) -> list[Image]:
    """Every image, with its digest where it is in the registry. What the registry has is not built."""
    return [
        image if image.digest else _build_one(session, image, tell, push=push)
        for image in find_images(session, workflows)
    ]


def build_archive(session: Session, since: str, archive: Path, tell: Tell) -> list[Image]:
    """The images that differ from a commit's, in one file as `docker save` writes it; empty where none does.

    No registry is asked, and none is named: who pushes them gives them their names. Raises ConfigError.
    """
    before = read_versions_at(session.root, since)
    images = [
        image
        for image in find_images(session, ask=False, repository=ARCHIVED)
        if image.workflow not in before or not image.name.endswith(f":{before[image.workflow].image}")
    ]
    for image in images:
        _build_one(session, image, tell, push=False)
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(b"")
    if images:
        run_docker("save", "--output", str(archive), *(image.name for image in images))
    return images


def _build_one(session: Session, image: Image, tell: Tell, *, push: bool) -> Image:
    platform = session.repository.platform
    assert platform is not None
    if not isinstance(platform.build, list) or not isinstance(platform.push, list):
        raise ConfigError("the root prefect.yaml has no recipe: declare build and push steps in it")
    repository, _, version = image.name.rpartition(":")
    values = {
        **{f"${name}": value for name, value in session.environment.values.items()},
        "$WORKFLOW": image.workflow,
        "$IMAGE": repository,
        "$IMAGE_VERSION": version,
        "$COMMIT": read_commit(session.root).id,
    }
    tell(f"building {image.name}")
    with contextlib.chdir(session.root), contextlib.redirect_stdout(sys.stderr):
        outputs = run_steps(platform.build, values)
        check_imports(image)
        tell(f"built {image.name}: every flow of it imports")
        if not push:
            return image
        run_steps(platform.push, outputs)
        write_sbom(session.root, image.workflow, image.name, push=True)
    digest = find_digest(image.name)
    if digest is None:
        raise ConfigError(f"{image.name} was pushed, and the registry does not have it: do build and push agree?")
    tell(f"pushed {image.name}")
    return Image(image.workflow, image.name, image.entrypoints, digest)


def check_imports(image: Image) -> None:
    """In the image itself, without network and with nothing to write to but /tmp. Raises ConfigError."""
    run_docker("run", "--rm", *LOCKED_DOWN, image.name, "python", "-c", IMPORT, *image.entrypoints)


def write_digests(images: Sequence[Image], path: Path) -> None:
    """What `gitops apply --images` reads."""
    digests = {image.name: image.digest for image in images if image.digest}
    path.write_text(json.dumps(digests, indent=1, sort_keys=True) + "\n", encoding="utf-8")
