"""The newest packages that are allowed, tried in a copy."""

import subprocess
from pathlib import Path

import pytest

from scripts.delivery.canary import raise_apt_date
from tests.documented import Terminal, copy_repository
from tests.stack.github import REPOSITORY, serve


def test_the_date_is_raised_by_one_pull_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a branch that is never without its change; a week later the same one has another commit."""
    (tmp_path / "Dockerfile").write_text("FROM a:1 AS base\nARG APT_DATE=2020-01-01\nRUN true\n")
    with serve() as fake:
        fake.refs["main"] = "first"
        for name, value in (("API_URL", fake.url), ("REPOSITORY", REPOSITORY), ("TOKEN", "ghs_fake")):
            monkeypatch.setenv(f"GITHUB_{name}", value)
        assert raise_apt_date(tmp_path) == "opened #1"
        assert raise_apt_date(tmp_path) == "renewed #1"
    tree, commit, *_ = fake.objects
    assert tree["base_tree"] == "tree-of-first"
    (entry,) = tree["tree"]
    assert entry["content"].startswith("FROM a:1 AS base\nARG APT_DATE=20")
    assert "2020-01-01" not in entry["content"]
    assert commit["parents"] == ["first"]
    assert fake.refs == {"main": "first", "raise-apt-date": "made-4"}
    assert [(pull["head"], pull["base"]) for pull in fake.pulls] == [("raise-apt-date", "main")]


@pytest.mark.slow
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
