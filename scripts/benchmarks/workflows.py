"""A repository with any number of workflows, for the benchmark of the engine that deploys them."""

import shutil
from pathlib import Path

import yaml

from scripts.gitops.environment import LOCAL
from scripts.gitops.scoping import KEY, SCOPED
from shared.settings import ROOT

FLOW = '''"""One of many."""

from prefect import flow

from flows.{name}.steps import count
from shared.errors import MailroomError


@flow
def {name}(source: str = "in", pages: int = {number}) -> int:
    """Count the pages of a source."""
    if pages < 0:
        raise MailroomError(source)
    return count(pages)
'''
STEPS = '''"""What it does."""


def count(pages: int) -> int:
    return pages + {number}
'''


def write_repository(root: Path, workflows: int) -> Path:
    """Laid out as this one, with its own shared/ and lock."""
    for name in ("shared", "uv.lock", "pyproject.toml"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            root.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, root / name)
    platform = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    for section in SCOPED:
        platform[section] = [item for item in platform.get(section, []) if LOCAL in item.get(KEY, [LOCAL])]
    (root / "prefect.yaml").write_text(yaml.safe_dump(platform, sort_keys=False), encoding="utf-8")
    (root / "flows").mkdir()
    (root / "flows" / "__init__.py").touch()
    for number in range(workflows):
        write_workflow(root, number)
    return root


def write_workflow(root: Path, number: int, tag: str = "made") -> Path:
    """With a schedule and a lane; `tag` is what an edit changes."""
    name = f"work_{number:03d}"
    folder = root / "flows" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "flow.py").write_text(FLOW.format(name=name, number=number), encoding="utf-8")
    (folder / "steps.py").write_text(STEPS.format(number=number), encoding="utf-8")
    deployment = {
        "name": name.replace("_", "-"),
        "description": "One of many.",
        "entrypoint": f"flows/{name}/flow.py:{name}",
        "tags": [tag],
        "schedules": [{"slug": "nightly", "cron": f"{number % 60} 3 * * *", "timezone": "Europe/Berlin"}],
        "work_pool": {"name": "local", "work_queue_name": "standard"},
    }
    pull = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $MAILROOM_ROOT }}"}}]
    declared = {"pull": pull, "deployments": [deployment], "workflow": {"owner": "bench"}}
    path = folder / "prefect.yaml"
    path.write_text(yaml.safe_dump(declared, sort_keys=False), encoding="utf-8")
    return path
