"""The commands that a page of the documentation states, and a way to run each as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from shared.settings import ROOT

STARTS = ("uv run ", "scripts/", "git ", "docker ", "prefect ", "curl ")
INLINE = re.compile(r"`((?:uv run |scripts/)[^`]+)`")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACEHOLDER = re.compile(r"\b[A-Z][A-Z_]+\b(?!=)")


def find_commands(page: Path) -> list[str]:
    """Of fenced blocks, without their comments; and of inline code."""
    text = page.read_text(encoding="utf-8")
    lines = [line.split("  #")[0].strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    inline = INLINE.findall(BLOCK.sub("", text))
    return list(dict.fromkeys(command for command in [*lines, *inline] if command.startswith(STARTS)))


@dataclass
class Terminal:
    """A person's, in a checkout. `uv run X` runs the X of these tests' environment on the code of that checkout."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)

    def run(self, command: str, *, code: int = 0, **fill: str) -> str:
        """As documented, with what stands in capitals filled in. Its output; AssertionError where it ends otherwise."""
        self.ran.append(command)
        filled = PLACEHOLDER.sub(lambda found: fill.get(found[0], found[0]), command)
        done = subprocess.run(
            ["/bin/bash", "-c", filled],
            cwd=self.root,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == code, f"{filled}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "MAILROOM_"))
        }
        paths = f"{self.programs()}:{os.environ['PATH']}"
        return {**inherited, "PATH": paths, "PYTHONPATH": str(self.root), "COLUMNS": "200", **self.environment}

    def programs(self) -> Path:
        folder = self.root.parent / f"{self.root.name}-programs"
        program = folder / "uv"
        if not program.exists():
            folder.mkdir()
            here, uv = Path(sys.executable).parent, shutil.which("uv")
            run = f'run) shift; [ "$1" != --locked ] || shift; exec "{here}/$@" ;;'
            program.write_text(f'#!/bin/sh\ncase "$1" in\n{run}\n*) exec "{uv}" "$@" ;;\nesac\n')
            program.chmod(0o755)
        return folder


def copy_repository(target: Path) -> Path:
    """The working tree, as the first commit of a repository."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (ROOT / name).is_file():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((ROOT / name).read_bytes())
            path.chmod((ROOT / name).stat().st_mode)
    git = ["git", "-C", str(target), "-c", "user.name=t", "-c", "user.email=t@localhost"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Begin"]):
        subprocess.run([*git, *words], check=True)
    return target
