"""The newest packages that are allowed, tried in a copy."""

import subprocess
from pathlib import Path

import pytest

from tests.documented import Terminal, copy_repository

pytestmark = pytest.mark.slow


def test_what_breaks_is_in_the_log(tmp_path: Path) -> None:
    """And only that: the log of a success is empty, and this checkout's lock is as it was."""
    person = Terminal(copy_repository(tmp_path / "mailroom"))
    person.run("scripts/canary LOG WORDS", LOG="../good.log", WORDS="tests/test_docs.py tests/test_repository.py")
    assert (tmp_path / "good.log").read_text() == ""
    person.run("scripts/canary LOG WORDS", LOG="../bad.log", WORDS="tests/nothing.py")
    assert "tests/nothing.py" in (tmp_path / "bad.log").read_text()
    assert not subprocess.run(
        ["git", "status", "--porcelain"], cwd=person.root, check=True, capture_output=True
    ).stdout.strip()
