"""What a child's process group uses, read from /proc: microseconds a look, where a library scans every process."""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIBIBYTE = 1024


@dataclass(frozen=True)
class Usage:
    """`core_seconds` counts descendants that have ended too; `pss_bytes` those alive now."""

    core_seconds: float
    pss_bytes: int


def read_usage(pid: int) -> Usage:
    """Of a process and all its descendants; those that end meanwhile count as nothing."""
    pids = _find_family(pid)
    return Usage(sum(map(_read_core_seconds, pids)), sum(map(_read_pss, pids)))


def _find_family(pid: int) -> list[int]:
    family = [pid]
    for member in family:  # Grows while it is walked.
        for task in Path(f"/proc/{member}/task").glob("*"):
            family.extend(map(int, _read(task / "children").split()))
    return family


def _read_core_seconds(pid: int) -> float:
    # Fields 14 to 17 of stat: own and waited-for children's user and system time. The name before may hold brackets.
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS_PER_SECOND


def _read_pss(pid: int) -> int:
    for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * KIBIBYTE
    return 0


def read_status_bytes(field: str) -> int:
    """One memory field of our own, such as `VmSize`, `VmRSS` or `VmHWM`."""
    for line in _read(Path("/proc/self/status")).splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * KIBIBYTE
    raise KeyError(field)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
