"""One child under the server's eye: what it has used, what it prints, and whether a budget is spent."""

import os
import re
import signal
import time
from dataclasses import dataclass, field

from shared.sandbox.limits import Spent, find_excess
from shared.sandbox.oom import count_oom_kills
from shared.sandbox.protocol import Ending, Failure, Order, Refusal
from shared.sandbox.usage import read_pss, read_usage

IDLE_CORE_SECONDS = 0.01
"""Less CPU than one clock tick between two looks is no progress."""
FIRST_LOOK_SECONDS = 0.1
LONGEST_LOOK_SECONDS = 0.5
STOPPED_SECONDS = 5.0
"""When the server itself did not run for so long, the host was busy, asleep or frozen, and the child with it."""
PSS_SECONDS = 2.0
PSS_GROWTH = 1.03
"""PSS takes long to read: it is read again when RSS is higher than ever by this factor, or the last time is so old."""
NOISE_BYTES = 4000
READ_BYTES = 1 << 16
GROUP_SECONDS = 2.0
GROUP_POLL_SECONDS = 0.002
PAGES_MAX_DIGITS = 7
REFUSED_MEMORY = re.compile(rb"alloc fail|bad_alloc")
"""What Leptonica and C++ say where memory is refused. Leptonica goes on without: words, or whole pages, are missing."""


@dataclass
class Watched:
    """A living child. Times are monotonic seconds; `baseline_bytes` is the PSS of the warm server alone."""

    number: int
    order: Order
    pid: int
    pidfd: int
    pages_pipe: int
    noise_pipe: int
    baseline_bytes: int
    started: float = field(default_factory=time.monotonic)
    orphans: set[int] = field(default_factory=set)
    """Programs of its group whose own parent has ended: the server's children now."""
    verdict: Refusal | Failure | None = None
    forks: int = 1
    """Of its family, those that share the pages of the warm server, at the last look."""
    sharers: int = 2
    """Processes that share the pages of the warm server, itself among them. Set it before each look."""
    _looked: float = field(default_factory=time.monotonic)
    _active: float = field(default_factory=time.monotonic)
    _pages: int = 0
    _core_seconds: float = 0.0
    _reaped_core_seconds: float = 0.0
    _peak_bytes: int = 0
    _growth_bytes: int = 0
    _pss_read: float = 0.0
    _highest_resident_bytes: int = 0
    _noise: bytes = b""
    _lacked_memory: bool = False
    _oom_kills: int = field(default_factory=count_oom_kills)

    @property
    def next_look(self) -> float:
        """Soon at first, when memory may grow fast; then seldom."""
        age = self._looked - self.started
        return self._looked + min(max(FIRST_LOOK_SECONDS, age / 20), LONGEST_LOOK_SECONDS)

    def look(self) -> None:
        """Take its usage, and kill its group where a budget is spent."""
        now = time.monotonic()
        self._excuse_stop(now)
        usage = read_usage((self.pid, *self.orphans))
        self.forks = usage.forks
        core_seconds = usage.core_seconds + self._reaped_core_seconds
        if core_seconds >= self._core_seconds + IDLE_CORE_SECONDS:
            self._active = now
            self._core_seconds = core_seconds
        if usage.resident_bytes > self._highest_resident_bytes * PSS_GROWTH or now - self._pss_read > PSS_SECONDS:
            self._highest_resident_bytes = max(self._highest_resident_bytes, usage.resident_bytes)
            self._pss_read = now
            pss_bytes = read_pss(usage.pids)
            self._peak_bytes = max(self._peak_bytes, pss_bytes)
            # Its part of what it only shares is no growth: PSS splits that among all who do.
            self._growth_bytes = pss_bytes - self.baseline_bytes * self.forks // self.sharers
        self._read_pages()
        self.verdict = find_excess(self._spent(now, waits_for_disk=usage.waits_for_disk), self.order.budget)
        if self.verdict is not None:
            self.kill()

    def read_noise(self) -> bool:
        """Take what it has printed and keep the tail. False where nobody can print any more."""
        try:
            chunk = os.read(self.noise_pipe, READ_BYTES)
        except BlockingIOError:
            return True
        self._noise += chunk
        self._lacked_memory = self._lacked_memory or REFUSED_MEMORY.search(self._noise) is not None
        self._noise = self._noise[-NOISE_BYTES:]
        return bool(chunk)

    def take_reaped(self, core_seconds: float) -> None:
        """Of an orphan of its group that has ended."""
        self._reaped_core_seconds += core_seconds

    def kill(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # The group is gone already.

    def end(self) -> Ending:
        """For a child that has ended: kill and reap whatever is left of its group."""
        self.kill()  # Before the child is reaped: afterwards its number may be another's.
        _, status, used = os.wait4(self.pid, 0)
        self._reap_group()
        self.read_noise()
        exit_code = os.waitstatus_to_exitcode(status)
        core_seconds = used.ru_utime + used.ru_stime + self._reaped_core_seconds
        for descriptor in (self.pidfd, self.pages_pipe, self.noise_pipe):
            os.close(descriptor)
        return Ending(
            number=self.number,
            exit_code=exit_code,
            core_seconds=max(self._core_seconds, core_seconds),
            wall_seconds=time.monotonic() - self.started,
            peak_bytes=self._peak_bytes,
            verdict=self.verdict,
            lacked_memory=self._lacked_memory,
            was_starved=exit_code == -signal.SIGKILL and count_oom_kills() > self._oom_kills,
            noise=self._noise.decode(errors="replace") if exit_code else "",
        )

    def _excuse_stop(self, now: float) -> None:
        stopped = now - self._looked
        if stopped > STOPPED_SECONDS:
            self.started += stopped
            self._active += stopped
        self._looked = now

    def _spent(self, now: float, *, waits_for_disk: bool) -> Spent:
        return Spent(
            core_seconds=self._core_seconds,
            idle_seconds=now - self._active,
            wall_seconds=now - self.started,
            pss_bytes=self._growth_bytes,
            pages=self._pages,
            waits_for_disk=waits_for_disk,
        )

    def _reap_group(self) -> None:
        # The server is their subreaper, so orphans of the group are its children. One that waits for a dead disk does
        # not even die of SIGKILL: then it is left to the server's reaping of strays.
        deadline = time.monotonic() + GROUP_SECONDS
        try:
            while time.monotonic() < deadline:
                pid, _, used = os.wait4(-self.pid, os.WNOHANG)
                if pid:
                    self.take_reaped(used.ru_utime + used.ru_stime)
                else:
                    time.sleep(GROUP_POLL_SECONDS)
        except ChildProcessError:
            return

    def _read_pages(self) -> None:
        try:
            words = os.read(self.pages_pipe, READ_BYTES).split()
        except BlockingIOError:
            return
        # A child that a document has taken over may say anything.
        counts = [int(word) for word in words if word.isdigit() and len(word) <= PAGES_MAX_DIGITS]
        self._pages = min(max([self._pages, *counts]), self.order.budget.max_pages)
