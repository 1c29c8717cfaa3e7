"""CPU and memory of whole process trees."""

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

FORK_SERVER = "shared.sandbox.server"


def core_seconds(root: int) -> float:
    """User and system CPU of a process and of all its descendants, those that have ended and were reaped included."""
    return sum(sum(times[:4]) for process in family(root) if (times := _times(process)))


def own_core_seconds(pid: int) -> float:
    """User and system CPU of this one process; 0 where it is gone."""
    times = _times(psutil.Process(pid)) if psutil.pid_exists(pid) else None
    return sum(times[:2]) if times else 0.0


def family(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


@dataclass(frozen=True)
class Footprint:
    """PSS in bytes: what each kind of process would free if it ended."""

    worker: int
    flow: int
    fork_server: int
    children: int

    @property
    def standing(self) -> int:
        """Of what lives as long as the batch."""
        return self.worker + self.flow + self.fork_server


def read_footprint(worker: int) -> Footprint:
    """Of the worker, and of the run that it has started, if any."""
    flow = fork_server = children = 0
    for process in family(worker)[1:]:
        kind = _kind(process)
        size = read_pss(process.pid)
        if kind == "flow":
            flow += size
        elif kind == "fork server":
            fork_server += size
        else:
            children += size
    return Footprint(read_pss(worker), flow, fork_server, children)


def read_pss(pid: int) -> int:
    """0 where the process is gone."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))


def is_flow(process: psutil.Process) -> bool:
    return _kind(process) == "flow"


def _kind(process: psutil.Process) -> str:
    try:
        if FORK_SERVER not in process.cmdline():
            return "flow"
        parent = process.parent()
        return "child" if parent is not None and FORK_SERVER in parent.cmdline() else "fork server"
    except psutil.NoSuchProcess:
        return "gone"


def _times(process: psutil.Process) -> tuple[float, ...] | None:
    try:
        return tuple(process.cpu_times())
    except psutil.NoSuchProcess:
        return None


def own_usage() -> float:
    """User and system CPU of this process alone."""
    times = os.times()
    return times.user + times.system
