"""What lies in the source: every location is an input, whatever it is."""

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from shared.documents import digest_file
from shared.errors import ConfigError
from shared.locations import render_location


@dataclass(frozen=True)
class Arrival:
    """One input as found: `digest` is None where the bytes could not be had, and `problem` says why."""

    location: str
    path: Path
    size: int
    mtime_ns: int
    digest: str | None
    problem: str = ""


@dataclass(frozen=True)
class Intake:
    """All inputs by location. `ignored` counts hidden files and folders (a leading dot), which are no inputs."""

    arrivals: tuple[Arrival, ...]
    ignored: int


def read_source(source: Path, threads: int) -> Intake:
    """Walk a folder (or take one file) and take every digest; links to files are followed, links to folders refused."""
    if not source.exists():
        raise ConfigError(f"source {source} does not exist")
    if source.is_file():
        return Intake((_read_arrival(source, source.parent),), 0)
    everything = list(_walk(source))
    paths = [path for path in everything if not path.name.startswith(".")]
    with ThreadPoolExecutor(threads) as pool:
        arrivals = pool.map(lambda path: _read_arrival(path, source), paths)
        by_location = sorted(arrivals, key=lambda arrival: arrival.location)
    return Intake(tuple(by_location), ignored=len(everything) - len(paths))


def _walk(folder: Path) -> Iterator[Path]:
    """Everything but the folders that can be entered."""
    pending = [os.fspath(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                is_folder = entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
                if is_folder and os.access(path, os.R_OK | os.X_OK):
                    pending.append(entry.path)
                else:
                    yield path


def _read_arrival(path: Path, source: Path) -> Arrival:
    location = render_location(PurePosixPath(path.relative_to(source)))
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # Opening a pipe would wait for ever.
            return Arrival(location, path, 0, 0, None, f"it is {_kind(status.st_mode)}, not a regular file")
        return Arrival(location, path, status.st_size, status.st_mtime_ns, digest_file(path))
    except OSError as error:
        return Arrival(location, path, 0, 0, None, f"the file system says: {error.strerror}")


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder that cannot be entered, or a link to one"
    return "a pipe" if stat.S_ISFIFO(mode) else "a socket or device"


def check_apart(source: Path, destination: Path) -> None:
    """ConfigError where one folder holds the other: outputs would come back as inputs, or replace originals."""
    here, there = source.resolve(), destination.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise ConfigError(f"source {source} and destination {destination} overlap: name two separate folders")
