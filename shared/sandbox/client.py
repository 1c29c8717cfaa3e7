"""The run's side of the sandbox: starts the fork server, hands it orders from many threads, and never forks itself."""

import itertools
import json
import logging
import threading
from collections.abc import Mapping
from typing import Self

from shared.errors import ConfigError, TransientError
from shared.sandbox.child import FAULT_FILE, tell_no_space
from shared.sandbox.process import ServerProcess
from shared.sandbox.protocol import (
    NO_SPACE,
    ChildCrashed,
    Ending,
    Failure,
    Order,
    Report,
    SandboxClosed,
    SandboxLost,
    read_answer,
)
from shared.workflows import JSON

log = logging.getLogger("mailroom.sandbox")


class Sandbox:
    """Thread-safe. A lost server is replaced by the next order; a closed sandbox stays closed."""

    engines: Mapping[str, str]
    warm_core_seconds: float

    def __init__(self, steps_module: str, parameters: dict[str, JSON]) -> None:
        self._module = steps_module
        self._parameters = json.dumps(parameters)
        self._lock = threading.Lock()
        self._closed = False
        self._server: ServerProcess | None = None
        self._numbers = itertools.count()
        self._past_core_seconds = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Blocks until the server is warm. ConfigError where the steps refuse the parameters or cannot be loaded."""
        with self._lock:
            server = self._find_server()
        self.engines = server.engines
        self.warm_core_seconds = server.warm_core_seconds

    def run(self, order: Order) -> Report:
        """Blocks until the child has ended.

        Raises ChildCrashed, SandboxLost, SandboxClosed, TransientError (the host is at fault) or ConfigError.
        """
        with self._lock:
            future = self._find_server().send(next(self._numbers), order)
        try:
            ending = future.result()
        except SandboxLost:
            if self._closed:
                raise SandboxClosed("the run is being stopped") from None
            raise
        return _make_report(order, ending)

    def close(self) -> None:
        """Kill every child and the server now; who waits gets SandboxClosed. May be called again, from any thread."""
        self._closed = True  # Before the lock: who holds it may be waiting for a server to become warm.
        with self._lock:
            if self._server is not None:
                self._server.close()

    def core_seconds(self) -> float:
        """User and system CPU of the servers and of all children that have ended; final after `close`."""
        return self._past_core_seconds + (self._server.core_seconds if self._server else 0.0)

    def _find_server(self) -> ServerProcess:
        if self._closed:
            raise SandboxClosed("the run is being stopped")
        if self._server is not None and self._server.is_lost:
            log.warning("sandbox.lost pid=%d", self._server.pid)
            self._server.close()
            self._past_core_seconds += self._server.core_seconds
            self._server = None
        if self._server is None:
            self._server = ServerProcess(self._module, self._parameters)
        return self._server


def _make_report(order: Order, ending: Ending) -> Report:
    cost = (ending.core_seconds, ending.wall_seconds)
    if ending.refusal is not None:
        return Report(ending.refusal, *cost, ending.peak_bytes)
    if ending.exit_code == NO_SPACE:
        raise TransientError(tell_no_space(order))
    if ending.exit_code:
        _tell_fault(order)
        raise ChildCrashed(_name_exit(ending.exit_code), ending.core_seconds)
    answer, extra = read_answer(order.scratch)
    if "traceback" in extra:
        log.error("child.failed document=%s\n%s", order.document.name, extra["traceback"])
    if isinstance(answer, Failure):
        raise ConfigError(answer.message) if answer.kind == "config" else TransientError(answer.message)
    return Report(answer, *cost, max(ending.peak_bytes, int(extra.get("growth_bytes", 0))))


def _name_exit(code: int) -> str:
    return f"its child was ended by signal {-code}" if code < 0 else f"its child left with code {code} and no answer"


def _tell_fault(order: Order) -> None:
    path = order.scratch / FAULT_FILE
    if path.is_file() and (fault := path.read_text(errors="replace").strip()):
        log.error("child.fault document=%s\n%s", order.document.name, fault)
