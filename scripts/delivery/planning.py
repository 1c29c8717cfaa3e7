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


def comment_plan(github: GitHub, head: str, environments: Sequence[str], folder: Path) -> int:
    """Of the pull request whose newest commit is `head`. Its number. Raises ConfigError."""
    pull = find_pull(github, head)
    fetch_declared(github, head, environments, folder)
    plans = [make_plan(env, folder / f"{env}.json") for env in environments]
    text = "\n".join(plan for plan, _ in plans) + f"\nOf {head[:12]}, against what is live now. Merging applies it.\n"
    upsert_comment(github, pull["number"], "plan", text)
    if not all(made for _, made in plans):
        raise ConfigError(f"not every plan could be made; the comment on #{pull['number']} says why")
    return int(pull["number"])


def find_pull(github: GitHub, head: str) -> Any:
    """The open pull request. Raises ConfigError where it has gone on since."""
    for pull in github.pages("/pulls", state="open"):
        if pull["head"]["sha"] == head:
            return pull
    raise ConfigError(f"no open pull request is at {head[:12]}: it was pushed to, merged or closed since")


def fetch_declared(github: GitHub, head: str, environments: Sequence[str], folder: Path) -> None:
    run = find_run(github, head)
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
