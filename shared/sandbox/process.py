"""One fork server process, as its parent holds it."""

import json
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import Future
from typing import Any

from shared.errors import ConfigError, TransientError
from shared.sandbox.protocol import Ending, Order, SandboxLost
from shared.settings import ROOT

STOP_SECONDS = 5
STDERR_TAIL_BYTES = 4000
PASSED_VARIABLES = ("PATH", "LANG", "LANGUAGE", "TZ", "TESSDATA_PREFIX", "HOME", "LD_LIBRARY_PATH")
"""Nothing else reaches server or children, and so no API, database or cloud credential."""


class ServerProcess:
    """Started and warm once constructed. `core_seconds` is what it last said of itself and its children."""

    def __init__(self, module: str, parameters: str) -> None:
        self.is_lost = False
        self.core_seconds = 0.0
        self._waiting: dict[int, Future[Ending]] = {}
        self._lock = threading.Lock()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        lifeline_read, self._lifeline = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "shared.sandbox.server", module, parameters, str(lifeline_read)],
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
        try:
            self.engines: dict[str, str] = self._await_ready()["engines"]
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise
        self.warm_core_seconds = self.core_seconds
        self._reader.start()

    def send(self, number: int, order: Order) -> "Future[Ending]":
        """One caller at a time. The future fails with SandboxLost when the server goes before the child has ended."""
        future: Future[Ending] = Future()
        with self._lock:
            if self.is_lost:
                raise SandboxLost("the fork server is gone")
            self._waiting[number] = future
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(order.render(number).encode())
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise SandboxLost("the fork server is gone") from error
        return future

    def close(self) -> None:
        """Cut the lifeline, at which the kernel kills every child, and wait until the server has reaped them."""
        if self._process.returncode is not None:
            return
        os.close(self._lifeline)
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:  # Half an order was still in the buffer; nobody reads it any more.
            self.is_lost = True
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._stderr.close()

    def _await_ready(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise TransientError(f"the fork server did not start (code {self._process.returncode}): {self._tail()}")
        event: dict[str, Any] = json.loads(line)
        if event["event"] == "failed":
            if event["kind"] == "config":
                raise ConfigError(event["message"])
            raise ConfigError(f"the workflow's steps cannot be loaded:\n{event['message']}")
        self.core_seconds = event["server_core_seconds"]
        return event

    def _read_events(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            event = json.loads(line)
            self.core_seconds = event.pop("server_core_seconds")
            if event["event"] == "ended":
                ending = Ending.parse(event)
                self._waiting.pop(ending.number).set_result(ending)
        with self._lock:
            self.is_lost = True
        for future in self._waiting.values():
            future.set_exception(SandboxLost("the fork server is gone"))

    def _tail(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")[-STDERR_TAIL_BYTES:].strip()


def render_environment() -> dict[str, str]:
    """What the server may know of ours; one thread per process, decided before Tesseract's library is loaded."""
    passed = {name: os.environ[name] for name in os.environ if name in PASSED_VARIABLES or name.startswith("LC_")}
    return {**passed, "OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
