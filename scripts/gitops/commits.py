"""A checkout's commits, and their files."""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError


@dataclass(frozen=True)
class Commit:
    id: str
    """Forty hex digits; empty where there is no repository."""
    is_dirty: bool = False

    @property
    def short(self) -> str:
        return self.id[:12]

    def __str__(self) -> str:
        return (self.short or "no commit") + (" with uncommitted changes" if self.is_dirty else "")


def read_commit(root: Path) -> Commit:
    """What is checked out."""
    head = _git(root, "rev-parse", "HEAD")
    if head.returncode:
        return Commit("", is_dirty=True)
    return Commit(head.stdout.strip(), is_dirty=bool(_git(root, "status", "--porcelain").stdout.strip()))


def resolve_commit(root: Path, name: str) -> Commit:
    """Of any name that Git knows. Raises ConfigError."""
    found = _git(root, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    if found.returncode:
        raise ConfigError(
            f"{root} has no commit {name}; git log names those it has, git fetch --unshallow gets the rest"
        )
    return Commit(found.stdout.strip())


def has_commit(root: Path, commit: Commit) -> bool:
    return not _git(root, "cat-file", "-e", f"{commit.id}^{{commit}}").returncode


def is_ancestor(root: Path, older: Commit, newer: Commit) -> bool:
    return not _git(root, "merge-base", "--is-ancestor", older.id, newer.id).returncode


def find_added(root: Path, older: Commit, newer: Commit, folder: str) -> list[str]:
    """Paths below a folder that the newer commit has and the older one has not."""
    found = _git(root, "diff", "--name-only", "--diff-filter=A", older.id, newer.id, "--", folder)
    return found.stdout.split()


@contextmanager
def tree_at(root: Path, commit: Commit) -> Iterator[Path]:
    """A folder with the files of that commit, for as long as the block lasts. Raises ConfigError."""
    with tempfile.TemporaryDirectory() as folder:
        tree, index = Path(folder, "tree"), {"GIT_INDEX_FILE": str(Path(folder, "index"))}
        for words in (["read-tree", commit.id], ["checkout-index", "--all", f"--prefix={tree}/"]):
            made = _git(root, *words, environment=index)
            if made.returncode:
                raise ConfigError(f"the files of {commit} cannot be read: {made.stderr.strip()}")
        yield tree


def _git(
    root: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigError("there is no program git here; install it") from error
