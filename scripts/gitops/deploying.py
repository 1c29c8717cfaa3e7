"""The real `prefect deploy`, several at once, each in a process forked from a warm one."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from scripts.gitops.warm import Ended, Task, run_tasks
from shared.errors import ConfigError

PRELOAD = ("prefect.cli", "prefect.cli.deploy._commands", "prefect.deployments.runner", "prefect.flows")


def deploy_all(
    root: Path, files: Mapping[str, Mapping[str, Any]], folder: Path, environment: Mapping[str, str], jobs: int
) -> Iterator[tuple[str, str | None]]:
    """Deployment and what went wrong with it, as they end; `files` holds a resolved `prefect.yaml` for each."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sorted(files)
    tasks = []
    for index, name in enumerate(names):
        path = (folder / f"{index}.yaml").resolve()
        path.write_text(render_yaml(files[name]), encoding="utf-8")
        tasks.append(Task("scripts.gitops.deploying:deploy_one", (str(path),), root))
    for ended in run_tasks(tasks, jobs, preload=PRELOAD, environment=_clean(environment)):
        yield names[ended.index], _fault(ended)


def render_yaml(file: Mapping[str, Any]) -> str:
    return yaml.dump(dict(file), Dumper=_Plain, sort_keys=False, allow_unicode=True)


class _Plain(yaml.SafeDumper):
    """Without anchors: what is shared in memory is not shared in the file."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def deploy_one(prefect_file: str) -> None:
    """As typed: `prefect --no-prompt deploy --all --prefect-file FILE`. Raises SystemExit where it fails."""
    from prefect.cli import app  # noqa: PLC0415

    sys.argv = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", prefect_file]
    try:
        app()
    except SystemExit as end:
        if end.code:
            raise ConfigError(f"prefect deploy ended with code {end.code}") from end


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    """`prefect deploy` fills `{{ $NAME }}` from its environment: only what the declarations resolve is to be filled."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAILROOM_")}
    return {**kept, **environment}


def _fault(ended: Ended) -> str | None:
    return None if ended.fault is None else ended.fault
