"""What ci has made of a stranger's pull request, looked at before it is believed."""

import io
import json
import os
import tarfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from scripts.delivery.artifacts import fetch, find_run
from scripts.delivery.comments import LONGEST, upsert_comment
from scripts.delivery.github import GitHub
from scripts.delivery.planning import find_pulls, read_pull, source_of
from scripts.delivery.previews import find_repository, read_tags
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


def twice(name: str) -> bytes:
    """A zip with two files of one name."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"1")
        archive.writestr(name, b"2")
    return buffer.getvalue()


def test_only_the_newest_green_run_of_that_commit_counts(fake: FakeGitHub, github: GitHub) -> None:
    """Not an older one, not another commit's."""
    with pytest.raises(ConfigError, match="ci has not run for aaaaaaaaaaaa"):
        find_run(github, HEAD, REPOSITORY)
    fake.add_run(HEAD, {})
    number = fake.add_run(HEAD, {})
    fake.add_run(HEAD, {}, "action_required", source="stranger/mailroom")
    assert find_run(github, HEAD, REPOSITORY)["id"] == number
    fake.add_run(HEAD, {}, "failure")
    with pytest.raises(ConfigError, match="says failure: only what is green goes on"):
        find_run(github, HEAD, REPOSITORY)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "is no zip file"),
        (packed(**{"other.json": b""}), "holds 'other.json'"),
        (packed(**{"..__evil.json": b""}), "holds '../evil.json'"),
        (packed(**{"staging.json": bytes(101)}), "is larger than 100 bytes"),
        (twice("staging.json"), "holds a file twice"),
        (packed(), "the artifact is empty"),
        (os.urandom(2_000_000), "more than [0-9]+ bytes came"),
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


def archive_of(folder: Path, *tags: str, more: Mapping[str, Any] = MappingProxyType({})) -> Path:
    """As `docker save` writes it; `more` is JSON by file name."""
    path = folder / "images.tar"
    manifest = [{"Config": "x", "RepoTags": [tag], "Layers": []} for tag in tags]
    with tarfile.open(path, "w") as packed:
        for name, rows in [("manifest.json", manifest), *more.items()]:
            content = json.dumps(rows).encode()
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
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
    for again in ("manifest.json", "./manifest.json"):
        with pytest.raises(ConfigError, match="names its images twice"):
            read_tags(archive_of(tmp_path, good, more={again: []}))
    index = {"manifests": [{"annotations": {"io.containerd.image.name": "docker.io/library/python:3.13"}}]}
    with pytest.raises(ConfigError, match="is expected"):
        read_tags(archive_of(tmp_path, good, more={"index.json": index}))
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
    moved: dict[str, Any] = {"number": 1, "state": "open", "head": {"sha": "b" * 40, "repo": {"full_name": REPOSITORY}}}
    fake.pulls.append(moved)
    with pytest.raises(ConfigError, match="no open pull request is at aaaaaaaaaaaa"):
        find_pulls(github, HEAD)
    for gone in (moved, {**moved, "state": "closed", "head": {**moved["head"], "sha": HEAD}}):
        fake.pulls[0] = gone
        with pytest.raises(ConfigError, match="#1 is no longer open at aaaaaaaaaaaa"):
            read_pull(github, 1, HEAD)


def test_a_stranger_cannot_stand_before_ours(fake: FakeGitHub, github: GitHub) -> None:
    """Somebody else's pull request of our commit is not the one that is planned; its source may be gone, too."""
    for number, repo in ((1, {"full_name": REPOSITORY}), (2, {"full_name": "stranger/mailroom"}), (3, None)):
        fake.pulls.append({"number": number, "state": "open", "head": {"sha": HEAD, "repo": repo}})
    assert [pull["number"] for pull in find_pulls(github, HEAD)] == [1]
    assert [source_of(pull) for pull in fake.pulls] == [REPOSITORY, "stranger/mailroom", ""]


def test_previews_share_no_repository_of_images(tmp_path: Path) -> None:
    """What a stranger pushed would be there already when the merge asks for it."""
    (tmp_path / "environments").mkdir()
    for name, repository in (("preview", "ghcr.io/example/a/"), ("production", "ghcr.io/example/a")):
        (tmp_path / f"environments/{name}.env").write_text(f"IMAGE_REPOSITORY={repository}\n")
    with pytest.raises(ConfigError, match=r"has the IMAGE_REPOSITORY of production\.env"):
        find_repository(tmp_path, "preview")
    (tmp_path / "environments/production.env").write_text("IMAGE_REPOSITORY=ghcr.io/example/b\n")
    assert find_repository(tmp_path, "preview") == "ghcr.io/example/a"


def test_without_a_token_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And where it comes from."""
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_REPOSITORY", REPOSITORY)
    with pytest.raises(ConfigError, match="GITHUB_TOKEN not set; on a laptop"):
        GitHub.from_environment()
