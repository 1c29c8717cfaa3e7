"""A small repository of the same layout, written to a folder, and commands that run in it."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from shared.settings import ROOT

LOCK = """version = 1
requires-python = ">=3.11"

[[package]]
name = "example"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "prefect" }]

[package.dev-dependencies]
dev = [{ name = "pytest" }]
scan = [{ name = "pikepdf" }]

[[package]]
name = "prefect"
version = "3.8.8"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "pydantic" }]

[[package]]
name = "pydantic"
version = "2.14.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "pikepdf"
version = "10.18.0"
source = { registry = "https://pypi.org/simple" }
dependencies = [{ name = "lxml" }]

[[package]]
name = "lxml"
version = "6.0.0"
source = { registry = "https://pypi.org/simple" }

[[package]]
name = "pytest"
version = "9.0.0"
source = { registry = "https://pypi.org/simple" }
"""
FLOW = '''"""{name}."""

from prefect import flow


@flow
def {name}(pages: int = 1, label: str = "x") -> int:
    """Count pages."""
    return pages
'''
PULL = [{"prefect.deployments.steps.set_working_directory": {"directory": "{{ $MAILROOM_ROOT }}"}}]
LANES = [{"name": "urgent", "priority": 1}, {"name": "standard", "priority": 2}, {"name": "default", "priority": 3}]


def platform(**more: Any) -> dict[str, Any]:
    pool = {"name": "local", "type": "process", "description": "Beside the worker.", "lanes": LANES}
    return {"name": "example", "work_pools": [pool], **more}


def deployment(name: str, **more: Any) -> dict[str, Any]:
    """One that holds in every respect."""
    folder = name.replace("-", "_")
    return {
        "name": name,
        "description": f"{name}.",
        "entrypoint": f"flows/{folder}/flow.py:{folder}",
        "work_pool": {"name": "local", "work_queue_name": "standard"},
        **more,
    }


@dataclass
class Checkout:
    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    """Beside the one of the tests, for commands."""

    @classmethod
    def make(cls, root: Path, *workflows: str, **more: Any) -> "Checkout":
        made = cls(root)
        made.write("pyproject.toml", '[project]\nname = "example"\nversion = "0.1.0"\nrequires-python = ">=3.11"\n')
        made.write("uv.lock", LOCK)
        made.write("prefect.yaml", platform(**more))
        for name in workflows:
            made.add(name)
        return made

    def write(self, place: str, content: str | dict[str, Any]) -> Path:
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path.write_text(text, encoding="utf-8")
        return path

    def add(self, name: str, *deployments: dict[str, Any], flow: str | None = None, **file: Any) -> Path:
        """A workflow; by default with one deployment of its own name."""
        folder = name.replace("-", "_")
        self.write(f"flows/{folder}/flow.py", flow or FLOW.format(name=folder))
        content = {
            "pull": PULL,
            "deployments": list(deployments) or [deployment(name)],
            "workflow": {"owner": "tests"},
            **file,
        }
        return self.write(f"flows/{folder}/prefect.yaml", {key: value for key, value in content.items() if value != ()})

    def remove(self, name: str) -> None:
        shutil.rmtree(self.root / "flows" / name.replace("-", "_"))

    def gitops(self, *words: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """As typed; the root is this checkout."""
        root = [] if words[0] == "check" else ["--root", str(self.root)]
        place = [str(self.root)] if words[0] == "check" else []
        command = [sys.executable, "-m", "scripts.gitops", *words, *place, *root]
        return self._run(command, cwd=ROOT, **options)

    def deploy(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Plain Prefect, for every file by itself, as its documentation says."""
        done = None
        for path in sorted(self.root.glob("flows/*/prefect.yaml")):
            place = str(path.relative_to(self.root))
            program = str(Path(sys.executable).with_name("prefect"))
            done = self._run(
                [program, "--no-prompt", "deploy", "--all", "--prefect-file", place, *words], cwd=self.root
            )
        assert done is not None
        return done

    def git(self, *words: str) -> str:
        done = self._run(["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words], cwd=self.root)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def full_environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MAILROOM_"))
        }
        return {**inherited, "PREFECT_CLI_COLORS": "false", "COLUMNS": "200", **self.environment}

    def _run(self, command: list[str], cwd: Path, **options: Any) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            cwd=cwd,
            env=self.full_environment(),
            capture_output=True,
            text=True,
            check=False,
            **options,
        )
