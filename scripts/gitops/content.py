"""Content versions: digests of what a workflow's image is made of, the same wherever the same files are."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.gitops.commits import resolve_commit, tree_at
from scripts.gitops.lockfile import Lock, read_lock
from scripts.gitops.shared_graph import SHARED, find_needed, read_closures
from shared.errors import ConfigError
from shared.reads import read_declaration

DIGITS = 16
RECIPES = ("Dockerfile", ".dockerignore")
NOT_CODE = frozenset({"README.md", "prefect.yaml"})
TESTS = "tests"


@dataclass(frozen=True, order=True)
class Input:
    """One of the things that an image is made of."""

    kind: str
    """`code`, `shared`, `lock`, `recipe` or `declaration`."""
    name: str
    """A path from the root, with slashes; of the lock, a package; of the recipe, a path or a key of pyproject.toml."""
    digest: str
    """SHA-256 of a file, in hex; of a package, its version and source."""


@dataclass(frozen=True)
class Versions:
    """Of one workflow."""

    workflow: str
    inputs: tuple[Input, ...]
    """Sorted."""

    @property
    def image(self) -> str:
        """The image version: 16 hex digits."""
        return _digest(json.dumps([[each.kind, each.name, each.digest] for each in self.inputs]).encode())


def combine(image: str, declaration: object) -> str:
    """The workflow version: 16 hex digits of an image version and a declaration (JSON values)."""
    text = json.dumps([image, declaration], sort_keys=True, separators=(",", ":"), default=str)
    return _digest(text.encode())


def read_versions(root: Path) -> dict[str, Versions]:
    """Of every folder `flows/<name>/` with a `prefect.yaml`. Raises ConfigError."""
    shared = _SharedFiles(root)
    lock = read_lock(root)
    recipe = tuple(_read_recipe(root))
    folders = sorted(path.parent for path in (root / "flows").glob("*/prefect.yaml"))
    return {folder.name: _read_workflow(root, folder, shared, lock, recipe) for folder in folders}


def read_versions_at(root: Path, name: str) -> dict[str, Versions]:
    """Of another commit, from a copy of its files. Raises ConfigError where there is no such commit."""
    with tree_at(root, resolve_commit(root, name)) as tree:
        return read_versions(tree)


def _read_workflow(root: Path, folder: Path, shared: "_SharedFiles", lock: Lock, recipe: tuple[Input, ...]) -> Versions:
    inputs = list(recipe)
    needed: set[str] = set()
    for path in _files(folder):
        content = _read(path)
        is_recipe = path.relative_to(folder).as_posix() == "apt.txt"
        inputs.append(Input("recipe" if is_recipe else "code", path.relative_to(root).as_posix(), _sha(content)))
        if path.suffix == ".py":
            needed |= find_needed(path.relative_to(root), content.decode("utf-8", "replace"), shared.closures)
    inputs += _read_freshness(root, folder)
    inputs += shared.inputs_for(needed)
    inputs += [Input("lock", name, version) for name, version in lock.slice_for(folder.name).items()]
    return Versions(folder.name, tuple(sorted(inputs)))


def _read_freshness(root: Path, folder: Path) -> Iterator[Input]:
    """What a run looks up in its own image, by `shared.freshness`."""
    path = folder / "prefect.yaml"
    text = _read(path)
    if b"max_age" in text:
        try:
            declared = read_declaration(path)
        except ConfigError:
            stated = text  # `check` says what is wrong with it.
        else:
            stated = declared.model_dump_json().encode()
        yield Input("declaration", f"{path.relative_to(root).as_posix()} (reads, max_age)", _sha(stated))


class _SharedFiles:
    """Files below `shared/`: each is a module, or belongs to the package around it."""

    def __init__(self, root: Path) -> None:
        self.closures = read_closures(root) if (root / SHARED / "__init__.py").is_file() else {}
        self._by_module: dict[str, list[Input]] = {}
        self._also: dict[str, set[str]] = {}
        for path in _files(root / SHARED):
            place, content = path.relative_to(root), _read(path)
            module = self._module_of(place)
            self._by_module.setdefault(module, []).append(Input("shared", place.as_posix(), _sha(content)))
            if path.suffix == ".py" and path.stem != "__init__" and not module.endswith(path.stem):
                # What only a migration imports.
                needed = find_needed(place, content.decode("utf-8", "replace"), self.closures)
                self._also.setdefault(module, set()).update(needed)

    def _module_of(self, place: Path) -> str:
        """A file that cannot be imported (data, a migration) counts for the nearest package above it."""
        parts = place.with_suffix("").parts if place.suffix == ".py" else place.parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        while name not in self.closures and "." in name:
            name = name.rpartition(".")[0]
        return name

    def inputs_for(self, modules: Iterable[str]) -> Iterator[Input]:
        wanted = set(modules)
        also = {more for each in wanted for more in self._also.get(each, ())}
        for module in wanted | also:
            yield from self._by_module.get(module, ())


def _read_recipe(root: Path) -> Iterator[Input]:
    for name in RECIPES:
        if (root / name).is_file():
            yield Input("recipe", name, _sha(_read(root / name)))
    for path in sorted((root / "flows").glob("*.py")):
        yield Input("code", path.relative_to(root).as_posix(), _sha(_read(path)))
    project = root / "pyproject.toml"
    if project.is_file():
        stated = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        yield Input("recipe", "requires-python", str(stated.get("requires-python")))


def _files(folder: Path) -> Iterator[Path]:
    """All but documentation, declarations, tests, hidden files and what Python leaves behind."""
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in ("__pycache__", TESTS) for part in parts)
        if (
            not hidden
            and path.suffix != ".pyc"
            and path.name not in (NOT_CODE if len(parts) == 1 else ())
            and path.is_file()
        ):
            yield path


def _read(path: Path) -> bytes:
    """Git may write other line ends into another checkout."""
    return path.read_bytes().replace(b"\r\n", b"\n")


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest(content: bytes) -> str:
    return _sha(content)[:DIGITS]


def explain(before: Versions, after: Versions) -> list[str]:
    """What differs, a line each."""
    old, new = _by_name(before), _by_name(after)
    return [line for name in sorted({*old, *new}) if (line := _explain_one(name, old.get(name), new.get(name)))]


def _by_name(versions: Versions) -> Mapping[tuple[str, str], str]:
    return {(each.kind, each.name): each.digest for each in versions.inputs}


def _explain_one(name: tuple[str, str], old: str | None, new: str | None) -> str | None:
    if old == new:
        return None
    kind, thing = name
    label = f"{kind}: {thing}" if kind == "lock" else thing
    if old is None or new is None:
        return f"{label} {'added' if old is None else 'removed'}"
    if kind == "lock" or thing == "requires-python":
        return f"{label} {old.split(' ')[0]} -> {new.split(' ')[0]}"
    return f"{label} changed"
