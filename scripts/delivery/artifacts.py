"""Artifacts of a ci run. A pull request's code made them: data, of a known name and a bounded size."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.delivery.github import GitHub
from shared.errors import ConfigError

WORKFLOW = ".github/workflows/ci.yml"


def find_run(github: GitHub, head: str) -> Mapping[str, Any]:
    """The newest run of ci for that very commit, which has succeeded. Raises ConfigError."""
    runs = [
        run
        for run in github.pages("/actions/runs", "workflow_runs", head_sha=head, event="pull_request")
        if run["path"].partition("@")[0] == WORKFLOW and run["head_sha"] == head
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
    content = github.download(f"/actions/artifacts/{found[-1]['id']}/zip")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return [_unpack(archive, entry, files, folder) for entry in archive.infolist()]
    except zipfile.BadZipFile as error:
        raise ConfigError(f"the artifact {name} of the ci run {run} is no zip file: {error}") from error


def _unpack(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, files: Mapping[str, int], folder: Path) -> Path:
    if entry.filename not in files:
        raise ConfigError(
            f"the artifact holds {entry.filename!r}, which nobody asked for; asked for: {', '.join(files)}"
        )
    most = files[entry.filename]
    with archive.open(entry) as packed:
        # What the entry says of its own size is a stranger's word.
        content = packed.read(most + 1)
    if len(content) > most:
        raise ConfigError(f"{entry.filename} in the artifact is larger than {most} bytes")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / entry.filename
    path.write_bytes(content)
    return path
