"""One fork server process, as its parent holds it."""

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future

from shared.errors import TransientError
from shared.sandbox.protocol import Ending, Event, Order, SandboxLost, Start, parse_event
from shared.settings import ROOT

log = logging.getLogger("mailroom.sandbox")

WARM_SECONDS = 300
"""Loading engines takes seconds; a cold disk on a busy host takes longer."""
STOP_SECONDS = 5
STDERR_TAIL_BYTES = 4000
PASSED_VARIABLES = ("PATH", "LANG", "LANGUAGE", "TZ", "TESSDATA_PREFIX", "HOME", "LD_LIBRARY_PATH")
"""Nothing else reaches server or children, and so no API, database or cloud credential."""


class ServerProcess:
    """Thread-safe. `core_seconds` is what it last said of itself and its children."""

    def __init__(self, module: str, start: Start) -> None:
        self.is_lost = False
        self.has_answered = False
        self.core_seconds = 0.0
        self._ready: Future[Event] = Future()
        self._waiting: dict[int, Future[Ending]] = {}
        self._state = threading.Lock()
        self._sending = threading.Lock()
        self._closing = threading.Lock()
        self._is_closed = False
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        lifeline_read, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            # The parameters go another way: who can list processes could read them here.
            [sys.executable, "-m", "shared.sandbox.server", module, str(lifeline_read)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            pass_fds=[lifeline_read],
            env=render_environment(),
            cwd=ROOT,
            start_new_session=True,  # A signal to the run's group is the run's to answer.
        )
        os.close(lifeline_read)
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_events, name="sandbox-events", daemon=True)
        self._reader.start()
        with contextlib.suppress(SandboxLost):  # It may have died already: `await_ready` tells why.
            self._write(start.render())

    def await_ready(self) -> Event:
        """Blocks until it is warm. ConfigError or TransientError where it cannot be, with its own words."""
        try:
            return self._ready.result(WARM_SECONDS)
        except TimeoutError:
            self.close()
            raise TransientError(f"the fork server was not warm within {WARM_SECONDS} s") from None

    def send(self, number: int, order: Order) -> "Future[Ending]":
        """The future fails with SandboxLost when the server goes before the child has ended."""
        future: Future[Ending] = Future()
        with self._state:
            if self.is_lost:
                raise SandboxLost("the fork server is gone")
            self._waiting[number] = future
        self._write(order.render(number))
        return future

    def close(self) -> None:
        """Cut the lifeline, at which the kernel kills every child, and wait until the server has reaped them."""
        with self._closing:
            if self._is_closed:
                return
            self._is_closed = True
            os.close(self._lifeline)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._reader.join()
            self._close_files()

    def _close_files(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._sending, contextlib.suppress(BrokenPipeError):  # Half an order may still be in the buffer.
            self._process.stdin.close()
        self._process.stdout.close()
        self._stderr.close()

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        with self._sending:
            if self.is_lost:
                raise SandboxLost("the fork server is gone")
            try:
                self._process.stdin.write(line)
                self._process.stdin.flush()
            except BrokenPipeError as error:
                raise SandboxLost("the fork server is gone") from error

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                self._take(parse_event(line))
        except ValueError as error:
            log.warning("sandbox.garbled pid=%d error=%s", self.pid, type(error).__name__)
            self._process.kill()
        finally:
            self._lose()

    def _take(self, event: Event) -> None:
        self.core_seconds = event.server_core_seconds
        if event.kind == "ready":
            self._ready.set_result(event)
        elif event.failure is not None:
            self._ready.set_exception(event.failure.as_error())
        elif event.ending is not None:
            self.has_answered = True
            self._waiting.pop(event.ending.number).set_result(event.ending)

    def _lose(self) -> None:
        with self._state:
            self.is_lost = True
        if not self._ready.done():
            self._ready.set_exception(TransientError(f"the fork server died before it was warm: {self.read_stderr()}"))
        for future in self._waiting.values():
            future.set_exception(SandboxLost("the fork server is gone"))

    def read_stderr(self) -> str:
        """The tail of what the server has printed; before `close`."""
        size = os.fstat(self._stderr.fileno()).st_size
        tail = os.pread(self._stderr.fileno(), STDERR_TAIL_BYTES, max(0, size - STDERR_TAIL_BYTES))
        return tail.decode(errors="replace").strip()


def render_environment() -> dict[str, str]:
    """What the server may know of ours; one thread per process, decided before Tesseract's library is loaded."""
    passed = {name: os.environ[name] for name in os.environ if name in PASSED_VARIABLES or name.startswith("LC_")}
    return {**passed, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
