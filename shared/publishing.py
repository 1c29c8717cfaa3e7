"""Outputs appear whole or not at all: written aside on the same file system, synced, then renamed into place."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError
from shared.locations import parse_location

MARK = ".mailroom"
"""Folder at the top of a destination: scratch lies in it, and its presence says that the outputs beside it are ours."""


@dataclass(frozen=True)
class StagedFile:
    """One output, complete and synced in scratch, and the path under the destination where it shall stand."""

    role: str
    staged: Path
    path: str
    size: int
    sha256: str


def output_path(location: str, role: str) -> str:
    """Where an output of one input stands: `a/x.pdf` -> `a/x.pdf`, `a/x.pdf.txt`; `a/x.tif` -> `a/x.tif.pdf`."""
    if role == "pdf" and location.lower().endswith(".pdf"):
        return location
    return f"{location}.{role}"


class Destination:
    """A folder that one workflow publishes into."""

    def __init__(self, root: Path, workflow: str) -> None:
        self.root = root
        self._scratch = root / MARK / workflow

    def prepare(self) -> None:
        """Create the folder and sweep what killed runs left in scratch; call it with the lease held, never before.

        ConfigError where the folder holds files of somebody else, or cannot be written.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if not (self.root / MARK).is_dir() and any(self.root.iterdir()):
                raise ConfigError(
                    f"destination {self.root} holds files that are not ours ({MARK} is missing): name an empty folder"
                )
            shutil.rmtree(self._scratch, ignore_errors=False) if self._scratch.exists() else None
            self._scratch.mkdir(parents=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise ConfigError(f"destination {self.root} cannot be written: {error.strerror}") from error

    def open_scratch(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._scratch))

    def close_scratch(self, scratch: Path) -> None:
        shutil.rmtree(scratch)

    def finish(self) -> None:
        """Leave no scratch behind; the mark itself stays."""
        if self._scratch.exists():
            shutil.rmtree(self._scratch)

    def target(self, path: str) -> Path:
        return self.root / parse_location(path)

    def stage(self, role: str, staged: Path, location: str) -> StagedFile:
        """Sync a finished scratch file to the disk and take its digest."""
        with staged.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
            size = file.tell()
        return StagedFile(role, staged, output_path(location, role), size, digest)

    def publish(self, files: Iterable[StagedFile], obsolete: Iterable[str] = ()) -> None:
        """Rename every file into place, then remove what stood there for the same input before."""
        folders = set()
        for file in files:
            target = self.target(file.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.staged.replace(target)
            folders.add(target.parent)
        for path in obsolete:
            self.target(path).unlink(missing_ok=True)
        for folder in folders:
            _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """A rename is durable once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
