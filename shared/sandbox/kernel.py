"""Whether this kernel does what the sandbox relies on: tried out, not looked up."""

import contextlib
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path

from shared.errors import ConfigError
from shared.sandbox.lifeline import arm_lifeline
from shared.sandbox.usage import read_children, read_pss

PROBE_SECONDS = 10


def check_kernel() -> None:
    """ConfigError that names what is missing. Forks once, so it wants a process with one thread."""
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write_end)
        _end_by_lifeline(read_end)
    os.close(read_end)
    try:
        missing = [what for what, probe in _probes(child).items() if not probe()]
        os.close(write_end)
        if not _is_killed(child):
            missing.append("a signal when a pipe's last writer is gone (F_SETOWN, F_SETSIG, O_ASYNC)")
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    if missing:
        raise ConfigError(f"documents cannot be opened safely on this kernel; it lacks {'; '.join(missing)}")


def _probes(child: int) -> dict[str, Callable[[], bool]]:
    return {
        "/proc/PID/task/TID/children (CONFIG_PROC_CHILDREN)": lambda: child in read_children(os.getpid()),
        "/proc/PID/smaps_rollup": lambda: read_pss([os.getpid()]) > 0,
        "a writable /proc/self/oom_score_adj": lambda: os.access(Path("/proc/self/oom_score_adj"), os.W_OK),
    }


def _end_by_lifeline(read_end: int) -> None:
    with contextlib.suppress(OSError):  # What the kernel refuses shows as a child that is not killed.
        os.setpgid(0, 0)
        arm_lifeline(read_end)
        select.select([], [], [], 2 * PROBE_SECONDS)
    os._exit(1)


def _is_killed(child: int) -> bool:
    pidfd = os.pidfd_open(child)
    try:
        if not select.select([pidfd], [], [], PROBE_SECONDS)[0]:
            return False
        ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    finally:
        os.close(pidfd)
    return ended is not None and ended.si_status == signal.SIGKILL
