"""Who holds a lease: one process of one machine, named so that a neighbour can tell whether it still lives."""

import os
from pathlib import Path


def current_owner() -> str:
    """`boot-pidnamespace/pid:start`, unique over reboots, containers and reused process ids."""
    return f"{_place()}/{os.getpid()}:{_start_ticks(os.getpid())}"


def is_gone(owner: str) -> bool:
    """True only where it is certain: the owner ran here, and this very process is no more."""
    place, _, process = owner.partition("/")
    if place != _place():
        return False
    pid, start = process.split(":")
    return _start_ticks(int(pid)) != int(start)


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    return f"{boot}-{namespace}"


def _start_ticks(pid: int) -> int:
    """Clock ticks after boot at which a process started; 0 where there is none, or only its unreaped remains."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    fields = stat.rpartition(")")[2].split()  # The name before it may hold blanks and brackets.
    return 0 if fields[0] in "ZX" else int(fields[19])
