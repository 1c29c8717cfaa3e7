"""One child under the server's eye: what it has used, and whether a budget is spent."""

import os
import signal
import time
from dataclasses import dataclass, field

from shared.outcomes import Reason
from shared.sandbox.protocol import Ending, Order, Refusal
from shared.sandbox.usage import read_usage

MEGABYTE = 1_000_000
IDLE_CORE_SECONDS = 0.01
"""Less CPU than one clock tick between two looks is no progress."""


@dataclass
class Watched:
    """A living child. Times are monotonic seconds."""

    number: int
    order: Order
    pid: int
    pidfd: int
    pages_pipe: int
    started: float = field(default_factory=time.monotonic)
    pages: int = 0
    core_seconds: float = 0.0
    peak_bytes: int = 0
    refusal: Refusal | None = None
    _active: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Take its usage, and kill its group where a budget is spent."""
        now = time.monotonic()
        usage = read_usage(self.pid)
        if usage.core_seconds >= self.core_seconds + IDLE_CORE_SECONDS:
            self._active = now
            self.core_seconds = usage.core_seconds
        self.peak_bytes = max(self.peak_bytes, usage.pss_bytes)
        self._read_pages()
        self.refusal = self._find_excess(now, usage.pss_bytes)
        if self.refusal is not None:
            self.kill()

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # The group is gone already.

    def end(self) -> Ending:
        """Reap the child and whatever is left of its group."""
        _, status, used = os.wait4(self.pid, 0)
        self.kill()
        self._reap_group()
        os.close(self.pidfd)
        os.close(self.pages_pipe)
        return Ending(
            number=self.number,
            exit_code=os.waitstatus_to_exitcode(status),
            core_seconds=max(self.core_seconds, used.ru_utime + used.ru_stime),
            wall_seconds=time.monotonic() - self.started,
            peak_bytes=self.peak_bytes,
            refusal=self.refusal,
        )

    def _reap_group(self) -> None:
        # The server is their subreaper: orphans of this group are its children now.
        try:
            while os.waitid(os.P_PGID, self.pid, os.WEXITED):
                pass
        except ChildProcessError:
            return

    def _read_pages(self) -> None:
        try:
            lines = os.read(self.pages_pipe, 4096).split()
        except BlockingIOError:
            return
        self.pages = max([self.pages, *(int(line) for line in lines)])

    def _find_excess(self, now: float, pss_bytes: int) -> Refusal | None:
        budget = self.order.budget
        granted = budget.cpu_seconds_base + budget.cpu_seconds_per_page * self.pages
        if self.core_seconds > granted:
            names = ("budget.cpu_seconds_base", "budget.cpu_seconds_per_page")
            return Refusal(Reason.CPU_TIMEOUT, f"its work took more than {granted:.0f} CPU seconds", names)
        if now - self._active > budget.stall_seconds:
            found = f"its work made no progress for {budget.stall_seconds:.0f} s"
            return Refusal(Reason.STALLED, found, ("budget.stall_seconds",))
        if now - self.started > budget.wall_seconds:
            found = f"its work took more than {budget.wall_seconds:.0f} s"
            return Refusal(Reason.WALL_TIMEOUT, found, ("budget.wall_seconds",))
        if pss_bytes > budget.memory_megabytes * MEGABYTE:
            found = f"its work needs more than {budget.memory_megabytes} MB of memory"
            return Refusal(Reason.OUT_OF_MEMORY, found, ("budget.memory_megabytes",))
        return None
