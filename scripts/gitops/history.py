"""Which commit is live, and whether another may follow it. It is a label: what changed is told by content."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.gitops.environment import Environment
from scripts.gitops.marks import mark
from scripts.gitops.server import Server
from shared.errors import ConfigError

TAG = "gitops:live"


@dataclass(frozen=True)
class Commit:
    id: str
    """Forty hex digits; empty where there is no repository."""
    is_dirty: bool

    def __str__(self) -> str:
        return (self.id[:12] or "no commit") + (" with uncommitted changes" if self.is_dirty else "")


def read_commit(root: Path) -> Commit:
    head = _git(root, "rev-parse", "HEAD")
    if head.returncode:
        return Commit("", is_dirty=True)
    return Commit(head.stdout.strip(), is_dirty=bool(_git(root, "status", "--porcelain").stdout.strip()))


def read_live_commit(server: Server, owner: str) -> str | None:
    row = server.find(f"/variables/name/{_name(owner)}")
    return row["value"]["commit"] if row else None


def write_live_commit(server: Server, owner: str, commit: Commit) -> None:
    body: dict[str, Any] = {
        "name": _name(owner),
        "value": {"commit": commit.id, "dirty": commit.is_dirty},
        "tags": [TAG, mark(owner)],
    }
    row = server.find(f"/variables/name/{_name(owner)}")
    if row is None:
        server.post("/variables/", body)
    else:
        server.patch(f"/variables/{row['id']}", body)


def check_successor(root: Path, environment: Environment, commit: Commit, live: str | None) -> None:
    """Raises ConfigError where the commit is older than the live one, or does not descend from it."""
    if commit.is_dirty and not environment.is_local:
        raise ConfigError(f"{root} has {commit}; commit first: only `local` takes a working tree as it is")
    if not live or not commit.id or live == commit.id:
        return
    if _git(root, "cat-file", "-e", f"{live}^{{commit}}").returncode:
        raise ConfigError(
            f"commit {live[:12]} is live and not in this checkout; fetch the whole history (git fetch --unshallow), or"
            " take over with --force"
        )
    if _is_ancestor(root, live, commit.id):
        return
    if _is_ancestor(root, commit.id, live):
        raise ConfigError(
            f"commit {commit.id[:12]} is older than the live one, {live[:12]}; revert by a new commit, or use --force"
        )
    raise ConfigError(
        f"commit {commit.id[:12]} does not descend from the live one, {live[:12]}; rebase onto it, or use --force"
    )


def _is_ancestor(root: Path, older: str, newer: str) -> bool:
    return not _git(root, "merge-base", "--is-ancestor", older, newer).returncode


def _git(root: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ConfigError("there is no program git here; install it") from error


def _name(owner: str) -> str:
    return f"gitops-live-{owner}"
