"""What ci has made of a stranger's pull request, looked at before it is believed."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.delivery.artifacts import fetch, find_run
from scripts.delivery.comments import LONGEST, upsert_comment
from scripts.delivery.github import GitHub
from scripts.delivery.planning import find_pull
from scripts.delivery.previews import read_tags
from shared.errors import ConfigError
from tests.stack.github import REPOSITORY, FakeGitHub, serve

HEAD = "a" * 40


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with serve() as made:
        yield made


@pytest.fixture
def github(fake: FakeGitHub, monkeypatch: pytest.MonkeyPatch) -> GitHub:
    monkeypatch.setenv("GITHUB_API_URL", fake.url)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_fake")
    return GitHub.from_environment()


def packed(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_only_the_newest_green_run_of_that_commit_counts(fake: FakeGitHub, github: GitHub) -> None:
    """Not an older one, not another commit's."""
    with pytest.raises(ConfigError, match="ci has not run for aaaaaaaaaaaa"):
        find_run(github, HEAD)
    fake.add_run(HEAD, {})
    number = fake.add_run(HEAD, {})
    assert find_run(github, HEAD)["id"] == number
    fake.add_run(HEAD, {}, "failure")
    with pytest.raises(ConfigError, match="says failure: only what is green goes on"):
        find_run(github, HEAD)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "is no zip file"),
        (packed(**{"other.json": b""}), "holds 'other.json'"),
        (packed(**{"..__evil.json": b""}), "holds '../evil.json'"),
        (packed(**{"staging.json": bytes(101)}), "is larger than 100 bytes"),
    ],
)
def test_an_artifact_that_is_not_as_expected(
    fake: FakeGitHub, github: GitHub, tmp_path: Path, content: bytes, said: str
) -> None:
    """Is refused, and nothing of it is written."""
    run = fake.add_run(HEAD, {"declared": content})
    with pytest.raises(ConfigError, match=said):
        fetch(github, run, "declared", {"staging.json": 100}, tmp_path / "in")
    assert not list(tmp_path.rglob("*.json"))
    with pytest.raises(ConfigError, match="has no artifact images"):
        fetch(github, run, "images", {}, tmp_path)


def archive_of(folder: Path, *tags: str, twice: bool = False) -> Path:
    path = folder / "images.tar"
    manifest = json.dumps([{"Config": "x", "RepoTags": [tag], "Layers": []} for tag in tags]).encode()
    with tarfile.open(path, "w") as packed:
        for _ in range(2 if twice else 1):
            entry = tarfile.TarInfo("manifest.json")
            entry.size = len(manifest)
            packed.addfile(entry, io.BytesIO(manifest))
    return path


def test_an_archive_names_what_ci_names(tmp_path: Path) -> None:
    """A workflow and a version; a name of anything else could replace an image that is trusted."""
    good = "mailroom-archived/ocr-intake:0123456789abcdef"
    (found,) = read_tags(archive_of(tmp_path, good)).values()
    assert found.groupdict() == {"workflow": "ocr-intake", "version": "0123456789abcdef"}
    for bad in (
        "python:3.13-slim-trixie",
        "mailroom-archived/a/b:0123456789abcdef",
        good + "\n",
        "mailroom/platform:x",
    ):
        with pytest.raises(ConfigError, match="is expected"):
            read_tags(archive_of(tmp_path, bad))
    with pytest.raises(ConfigError, match="names its images twice"):
        read_tags(archive_of(tmp_path, good, twice=True))
    (tmp_path / "images.tar").write_bytes(b"nothing")
    with pytest.raises(ConfigError, match="is no archive of images"):
        read_tags(tmp_path / "images.tar")


def test_one_comment_for_each_purpose(fake: FakeGitHub, github: GitHub) -> None:
    """Ours is replaced; one that somebody else has marked like it is not; what is too long says so."""
    fake.comments.append({"id": 1, "issue": 7, "user": {"type": "User"}, "body": "<!-- mailroom:plan -->\nMine."})
    for text in ("One", "x" * (LONGEST + 1)):
        upsert_comment(github, 7, "plan", text)
    upsert_comment(github, 7, "preview", "Another")
    assert len(fake.comments) == 3
    assert fake.comments[0]["body"].endswith("Mine.")
    assert "cut here" in fake.comments[1]["body"]


def test_a_pull_request_that_went_on(fake: FakeGitHub, github: GitHub) -> None:
    """Is not planned as it was."""
    fake.pulls.append({"number": 1, "head": {"sha": "b" * 40}})
    with pytest.raises(ConfigError, match="no open pull request is at aaaaaaaaaaaa"):
        find_pull(github, HEAD)


def test_without_a_token_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it comes from."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    with pytest.raises(ConfigError, match="GITHUB_TOKEN not set; on a laptop"):
        GitHub.from_environment()
