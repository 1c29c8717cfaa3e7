"""The plan of a pull request, made beside the credentials without running a line of it, and told in one comment."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.delivery.artifacts import fetch, find_run
from scripts.delivery.comments import upsert_comment
from scripts.delivery.github import GitHub
from scripts.gitops.handover import MAX_BYTES
from scripts.gitops.printing import cell
from shared.errors import ConfigError
from shared.settings import ROOT

ARTIFACT = "declared"
CREDENTIAL = "PREFECT_API_AUTH_STRING"


def comment_plan(github: GitHub, head: str, environments: Sequence[str], folder: Path, number: int = 0) -> list[int]:
    """Of the pull request of that number, or with 0 of those of our own branches, whose newest commit is `head`.

    Their numbers. Raises ConfigError.
    """
    pulls = [read_pull(github, number, head)] if number else find_pulls(github, head)
    fetch_declared(github, head, source_of(pulls[0]), environments, folder)
    plans = [make_plan(env, folder / f"{env}.json") for env in environments]
    text = "\n".join(plan for plan, _ in plans) + f"\nOf {head[:12]}, against what is live now. Merging applies it.\n"
    numbers = [int(pull["number"]) for pull in pulls]
    for each in numbers:
        upsert_comment(github, each, "plan", text)
    if not all(made for _, made in plans):
        raise ConfigError(f"not every plan could be made; the comment on #{numbers[0]} says why")
    return numbers


def read_pull(github: GitHub, number: int, head: str) -> Any:
    """A pull request as it was looked at. Raises ConfigError where it has gone on since."""
    pull = github.get(f"/pulls/{number}")
    if pull["state"] != "open" or pull["head"]["sha"] != head:
        raise ConfigError(f"#{number} is no longer open at {head[:12]}: it was pushed to, merged or closed since")
    return pull


def find_pulls(github: GitHub, head: str) -> list[Any]:
    """The open ones of our own branches: a fork may open one of somebody else's commit. Raises ConfigError."""
    found = [
        pull
        for pull in github.pages("/pulls", state="open")
        if pull["head"]["sha"] == head and source_of(pull) == github.repository
    ]
    if not found:
        raise ConfigError(f"no open pull request is at {head[:12]}: it was pushed to, merged or closed since")
    return found


def source_of(pull: Any) -> str:
    """The repository that it comes from; "" where that is gone."""
    return str((pull["head"]["repo"] or {}).get("full_name", ""))


def fetch_declared(github: GitHub, head: str, source: str, environments: Sequence[str], folder: Path) -> None:
    run = find_run(github, head, source)
    fetch(github, run["id"], ARTIFACT, {f"{env}.json": MAX_BYTES for env in environments}, folder)


def make_plan(env: str, declared: Path) -> tuple[str, bool]:
    """In Markdown, and whether it could be made.

    A process of its own: each environment has its server and its credential, and Prefect's settings are a process's.
    """
    command = [sys.executable, "-m", "scripts.gitops", "plan", "--env", env, "--format", "markdown"]
    done = subprocess.run(
        [*command, "--declared", str(declared)],
        cwd=ROOT,
        env=credentials_of(env),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"### Plan for {env}\n\nIt cannot be made:\n\n    {cell(done.stderr.strip())}\n", False
    return done.stdout, True


def credentials_of(env: str) -> dict[str, str]:
    """Ours, with the credential of one environment, which comes as PREFECT_API_AUTH_STRING_<ENV>, and no other."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(CREDENTIAL)}
    own = os.environ.get(f"{CREDENTIAL}_{env.upper()}") or os.environ.get(CREDENTIAL)
    return {**kept, CREDENTIAL: own} if own else kept
