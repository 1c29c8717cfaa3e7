"""Which commit is live, and whether another may follow it. It is a label: what changed is told by content."""

from pathlib import Path
from typing import Any

from scripts.gitops.commits import Commit, has_commit, is_ancestor
from scripts.gitops.environment import Environment
from scripts.gitops.marks import mark
from scripts.gitops.server import Server
from shared.errors import ConfigError

TAG = "gitops:live"


def read_live_commit(server: Server, owner: str) -> Commit | None:
    row = server.find(f"/variables/name/{_name(owner)}")
    return Commit(row["value"]["commit"], row["value"]["dirty"]) if row else None


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


def check_successor(root: Path, environment: Environment, commit: Commit, live: Commit | None) -> None:
    """Raises ConfigError where the commit is older than the live one, or does not descend from it."""
    if commit.is_dirty and not environment.is_local:
        raise ConfigError(f"{root} has {commit}; commit first: only `local` takes a working tree as it is")
    if live is None or not live.id or not commit.id or live.id == commit.id:
        return
    check_known(root, live, ", or take over with --force")
    if is_ancestor(root, live, commit):
        return
    if is_ancestor(root, commit, live):
        raise ConfigError(
            f"commit {commit.short} is older than the live one, {live.short}; go back with gitops rollback, revert by a"
            " new commit, or use --force"
        )
    raise ConfigError(
        f"commit {commit.short} does not descend from the live one, {live.short}; rebase onto it, or use --force"
    )


def check_predecessor(root: Path, commit: Commit, live: Commit | None) -> None:
    """Raises ConfigError where the live commit does not descend from this one."""
    if live is None or not live.id:
        raise ConfigError("no commit is known to be live on this server; gitops apply is the way to begin")
    check_known(root, live)
    if not is_ancestor(root, commit, live):
        raise ConfigError(
            f"commit {commit.short} is no ancestor of the live one, {live.short}; rollback goes back, apply goes on"
        )


def check_known(root: Path, live: Commit, otherwise: str = "") -> None:
    """Raises ConfigError where this checkout lacks the live commit."""
    if not has_commit(root, live):
        raise ConfigError(
            f"commit {live.short} is live and not in this checkout; fetch the whole history (git fetch --unshallow)"
            f"{otherwise}"
        )


def _name(owner: str) -> str:
    return f"gitops-live-{owner}"
