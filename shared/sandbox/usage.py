"""What a child and its descendants use, read from /proc: microseconds a look, where a library scans every process."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
KIBIBYTE = 1024
STACK = 28 - 3
"""Field `startstack`: the same after a fork, another one after an exec."""


@dataclass(frozen=True)
class Usage:
    """Of one family at one moment; those that end while it is read count as nothing."""

    pids: tuple[int, ...]
    core_seconds: float
    """Of the living, and of those of their children that they have waited for."""
    resident_bytes: int
    """Sum of RSS: counts shared pages once for each process, so it is never below PSS."""
    waits_for_disk: bool
    """A process is in uninterruptible sleep."""
    forks: int
    """Processes that share the pages of whoever asks: forked of it, and not become another program since."""


def read_usage(roots: Iterable[int]) -> Usage:
    """Of these processes and all their descendants."""
    # Parents stand before their children, so that nobody's CPU is read twice while a parent collects it.
    pids = tuple(find_family(roots))
    stats = [fields for pid in pids if (fields := _read_stat(pid))]
    own_stack = _read_stat(os.getpid())[STACK]
    return Usage(
        pids,
        sum(sum(map(int, fields[11:15])) for fields in stats) / TICKS_PER_SECOND,
        sum(int(fields[21]) for fields in stats) * PAGE_BYTES,
        any(fields[0] == "D" for fields in stats),
        sum(fields[STACK] == own_stack for fields in stats),
    )


def read_pss(pids: Iterable[int]) -> int:
    """Bytes. It takes a millisecond for some hundred megabytes."""
    return sum(map(_read_pss, pids))


def read_children(pid: int) -> list[int]:
    """Of all its threads; those that have ended and wait to be reaped are among them."""
    try:
        tasks = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - called ten times a second
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for task in tasks for child in _read(f"/proc/{pid}/task/{task}/children").split()]


def read_status_bytes(field: str) -> int:
    """One memory field of our own, such as `VmSize`, `VmRSS` or `VmHWM`."""
    for line in _read("/proc/self/status").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * KIBIBYTE
    raise KeyError(field)


def find_family(roots: Iterable[int]) -> list[int]:
    """These and all their descendants, parents first."""
    family = list(roots)
    for member in family:  # Grows while it is walked.
        family.extend(read_children(member))
    return family


def _read_stat(pid: int) -> list[str]:
    """From field 3 of proc(5)'s table on; empty where the process is gone. The name before may hold brackets."""
    return _read(f"/proc/{pid}/stat").rpartition(")")[2].split()


def _read_pss(pid: int) -> int:
    for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIBIBYTE
    return 0


def _read(path: str) -> str:
    """Empty where the process has ended, or belongs to another user: a set-uid program's memory is not ours to see."""
    try:
        return Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
