"""The one-host stack in Docker, once for all tests of this folder."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.stack.host import Host


@pytest.fixture(scope="session")
def registry() -> str:
    """Of images: one that Docker here may push to."""
    named = os.environ.get("MAILROOM_REGISTRY")
    if not named:
        pytest.skip("MAILROOM_REGISTRY names no registry, as 127.0.0.1:5000, to which Docker here may push")
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no Docker engine answers here")
    return named


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory, registry: str) -> Iterator[Host]:
    """A server on which nothing has been started yet."""
    folder = tmp_path_factory.mktemp("stack")
    folder.chmod(0o755)
    for parent in folder.parents:
        if parent.name.startswith("pytest-"):
            parent.chmod(0o755)  # Runs are another user's, and read documents below it.
    made = Host.make(folder, registry, f"mailroom-{uuid4().hex[:8]}")
    yield made
    made.down()


@pytest.fixture(scope="session")
def scans(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Real ones of one page, the smallest first; where none are given, those of the demo."""
    named = os.environ.get("MAILROOM_CORPUS")
    if named:
        return sorted(Path(named, "scans").rglob("*.pdf"), key=lambda path: path.stat().st_size)
    from scripts.demo_documents import draw_demo  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("scans")
    draw_demo(folder)
    return sorted(folder.glob("*.pdf"))
