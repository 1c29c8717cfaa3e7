"""A preview of a stranger's pull request: its images are pushed unseen, its declarations deployed as data."""

import json
import posixpath
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.delivery.artifacts import fetch, find_run
from scripts.delivery.comments import upsert_comment
from scripts.delivery.github import GitHub
from scripts.delivery.planning import read_pull, source_of
from scripts.gitops import previewing
from scripts.gitops.building import ARCHIVED
from scripts.gitops.environment import read_environment
from scripts.gitops.handover import MAX_BYTES
from scripts.gitops.images import REPOSITORY, read_digests
from scripts.gitops.registry import find_digest, run_docker
from shared.errors import ConfigError

ARTIFACT, ARCHIVE = "images", "images.tar"
MAX_ARCHIVE = 8_000_000_000
MANIFEST, INDEX, NAME = "manifest.json", "index.json", "io.containerd.image.name"
TAG = re.compile(rf"{re.escape(ARCHIVED)}/(?P<workflow>[a-z0-9]+(?:-[a-z0-9]+)*):(?P<version>[0-9a-f]{{16}})")
Tell = Callable[[str], None]


def push(github: GitHub, number: int, head: str, root: Path, env: str, images: Path, tell: Tell) -> None:
    """Pushes what ci has built of that commit, into the previews' own repository. Raises ConfigError."""
    run = find_run(github, head, source_of(read_pull(github, number, head)))
    repository = find_repository(root, env)
    with TemporaryDirectory() as folder:
        (archive,) = fetch(github, run["id"], ARTIFACT, {ARCHIVE: MAX_ARCHIVE}, Path(folder))
        digests = dict(push_archive(archive, repository, tell)) if archive.stat().st_size else {}
    images.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")


def find_repository(root: Path, env: str) -> str:
    """Where images of previews go. Raises ConfigError where others go too: a deploy builds nothing that is there."""
    repository = _read_repository(root, env)
    if not repository:
        raise ConfigError(f"environments/{env}.env has no {REPOSITORY}: name a repository that only previews use")
    for path in sorted((root / "environments").glob("*.env")):
        if path.stem != env and _read_repository(root, path.stem) == repository:
            raise ConfigError(f"environments/{env}.env has the {REPOSITORY} of {path.name}: name one that only it uses")
    return repository


def _read_repository(root: Path, env: str) -> str:
    return read_environment(root, env).values.get(REPOSITORY, "").rstrip("/")


def push_archive(archive: Path, repository: str, tell: Tell) -> Mapping[str, str]:
    """Image name -> digest. Nothing in the archive may go by another name than those that ci gives."""
    tags = read_tags(archive)
    run_docker("load", "--quiet", "--input", str(archive))
    digests = {}
    for tag, found in tags.items():
        image = f"{repository}/{found['workflow']}:{found['version']}"
        run_docker("tag", tag, image)
        run_docker("push", "--quiet", image)
        digest = find_digest(image)
        if digest is None:
            raise ConfigError(f"{image} was pushed, and the registry does not have it")
        digests[image] = digest
        tell(f"pushed {image}")
    return digests


def read_tags(archive: Path) -> dict[str, re.Match[str]]:
    """Names of all images in an archive as `docker save` writes it. Raises ConfigError where one is not as expected.

    Docker reads `manifest.json`, or `index.json` where it keeps images in containerd; both must be clean.
    """
    try:
        with tarfile.open(archive) as packed:
            members = {name: _read_member(packed, name) for name in (MANIFEST, INDEX)}
            names = [posixpath.normpath(member.name) for member in packed.getmembers()]
        tags = [tag for row in json.loads(members[MANIFEST] or "null") for tag in row["RepoTags"]]
        rows = json.loads(members[INDEX] or '{"manifests": []}')["manifests"]
        tags += [row["annotations"][NAME].removeprefix("docker.io/") for row in rows]
    except (tarfile.TarError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{archive.name} is no archive of images: {error}") from error
    if any(names.count(name) > 1 for name in members):
        raise ConfigError(f"{archive.name} names its images twice")
    found = {tag: TAG.fullmatch(tag) for tag in tags}
    if strange := [tag for tag, match in found.items() if match is None]:
        raise ConfigError(f"{archive.name} holds an image {strange[0]!r}; only {ARCHIVED}/WORKFLOW:VERSION is expected")
    return {tag: match for tag, match in found.items() if match}


def _read_member(packed: tarfile.TarFile, name: str) -> bytes | None:
    """None where there is none. Raises ValueError where it is longer than such a list can be."""
    if name not in packed.getnames():
        return None
    file = packed.extractfile(name)
    content = file.read(MAX_BYTES + 1) if file else b""
    if len(content) > MAX_BYTES:
        raise ValueError(f"{name} is longer than {MAX_BYTES} bytes")
    return content


def up(github: GitHub, number: int, head: str, root: Path, env: str, images: Path, tell: Tell) -> None:
    """Raises ConfigError."""
    run = find_run(github, head, source_of(read_pull(github, number, head)))
    lines: list[str] = []
    with TemporaryDirectory() as folder:
        (declared,) = fetch(github, run["id"], "declared-preview", {f"{env}.json": MAX_BYTES}, Path(folder))
        name = f"pr-{number}"
        digests = read_digests(images)
        previewing.up_declared(root, env, name, declared, lines.append, digests=digests, wait=900)
    for line in lines:
        tell(line)
    upsert_comment(github, number, "preview", "### Preview\n```\n" + "\n".join(lines).replace("```", "") + "\n```\n")
