"""Artifacts of a ci run. A pull request's code made them: data, of a known name and a bounded size."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from scripts.delivery.github import GitHub
from shared.errors import ConfigError

WORKFLOW = ".github/workflows/ci.yml"
BLOCK = 1 << 20
OVERHEAD = 1 << 20
"""What a zip file may be larger than its contents."""


def find_run(github: GitHub, head: str, source: str) -> Mapping[str, Any]:
    """The newest run of ci for that very commit of the repository `source`, which has succeeded. Raises ConfigError."""
    runs = [
        run
        for run in github.pages("/actions/runs", "workflow_runs", head_sha=head, event="pull_request")
        if run["path"].partition("@")[0] == WORKFLOW
        and run["head_sha"] == head
        and (run["head_repository"] or {}).get("full_name") == source
    ]
    if not runs:
        raise ConfigError(f"ci has not run for {head[:12]}; wait for it, and set the label again")
    newest: Mapping[str, Any] = max(runs, key=lambda run: run["id"])
    if newest["conclusion"] != "success":
        said = newest["conclusion"] or newest["status"]
        raise ConfigError(f"ci of {head[:12]} says {said}: only what is green goes on; then set the label again")
    return newest


def fetch(github: GitHub, run: int, name: str, files: Mapping[str, int], folder: Path) -> list[Path]:
    """Unpacks an artifact: of `files` (name -> most bytes) those that are in it, nothing else. Raises ConfigError."""
    found = [each for each in github.pages(f"/actions/runs/{run}/artifacts", "artifacts") if each["name"] == name]
    if not found:
        raise ConfigError(f"the ci run {run} has no artifact {name}; run it again")
    newest = max(found, key=lambda each: each["id"])
    with TemporaryFile() as content:
        github.download(f"/actions/artifacts/{newest['id']}/zip", content, sum(files.values()) + OVERHEAD)
        try:
            with zipfile.ZipFile(content) as archive:
                _check_names(archive.namelist(), files)
                return [_unpack(archive, entry, files[entry.filename], folder) for entry in archive.infolist()]
        except zipfile.BadZipFile as error:
            raise ConfigError(f"the artifact {name} of the ci run {run} is no zip file: {error}") from error


def _check_names(names: Sequence[str], files: Mapping[str, int]) -> None:
    asked = ", ".join(files)
    if strange := [name for name in names if name not in files]:
        raise ConfigError(f"the artifact holds {strange[0]!r}, which nobody asked for; asked for: {asked}")
    if len(set(names)) != len(names):
        raise ConfigError(f"the artifact holds a file twice; asked for: {asked}")
    if not names:
        raise ConfigError(f"the artifact is empty; asked for: {asked}")


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / entry.filename
    with archive.open(entry) as packed, path.open("wb") as file:
        # What the entry says of its own size is a stranger's word.
        while block := packed.read(BLOCK):
            if file.tell() + len(block) > most:
                path.unlink()
                raise ConfigError(f"{entry.filename} in the artifact is larger than {most} bytes")
            file.write(block)
    return path
