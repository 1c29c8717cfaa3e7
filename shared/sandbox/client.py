"""The run's side of the sandbox: starts the fork server, hands it orders from many threads, and never forks itself."""

import itertools
import logging
import signal
import sys
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Self

from shared.errors import ConfigError
from shared.sandbox.answers import read_answer
from shared.sandbox.blame import name_death, refuse_memory
from shared.sandbox.process import ServerProcess
from shared.sandbox.protocol import Answer, Ending, Failure, Order, Report, SandboxClosed, SandboxLost, Start
from shared.tokens import TokenPool
from shared.workflows import JSON

log = logging.getLogger("mailroom.sandbox")

LOST_IN_A_ROW = 4
"""A host that loses so many servers before they answer once needs a person, not another try."""


class Sandbox:
    """Thread-safe. A lost server is replaced by the next order; a closed sandbox stays closed."""

    engines: Mapping[str, str]
    """`engine.<name>` -> version, once the first server is warm."""
    warm_core_seconds: float
    """CPU of the first server until it was warm."""

    def __init__(self, steps_module: str, parameters: dict[str, JSON], tokens: TokenPool | None = None) -> None:
        """Without tokens there is a child for every order, however many cores there are."""
        self._module = steps_module
        self._start = Start(parameters, tokens)
        self._tokens = tokens
        self._lock = threading.Lock()  # Never held while anything is waited for but a server that is dead or dying.
        self._closed = False
        self._server: ServerProcess | None = None
        self._numbers = itertools.count()
        self._past_core_seconds = 0.0
        self._lost = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Blocks until the server is warm, at most `process.WARM_SECONDS`.

        ConfigError where the steps refuse the parameters, cannot be loaded, or the host is no Linux; TransientError
        where the server dies or takes too long.
        """
        if self._tokens:
            self._tokens.prepare()
        try:
            self._open_server()
        except BaseException:  # An interrupt, too, must leave no server.
            if self._server is not None:
                self._server.close()
            raise

    def run(self, order: Order) -> Report:
        """Blocks until there is a core for a child, and it has ended.

        Raises ChildCrashed, SandboxLost, SandboxClosed, TransientError (the host is at fault) or ConfigError: of the
        steps, or because LOST_IN_A_ROW servers were lost before they answered once.
        """
        try:
            with self._tokens.hold(self._check_open) if self._tokens else nullcontext():
                ending = self._open_server().send(next(self._numbers), order).result()
        except SandboxLost:
            self._check_open()
            raise
        if self._closed and ending.exit_code == -signal.SIGKILL and ending.verdict is None:
            raise SandboxClosed("the run is being stopped")  # The cut lifeline killed it.
        return _make_report(order, ending)

    def close(self) -> None:
        """Kill every child and the server now; who waits gets SandboxClosed. May be called again, from any thread.

        Returns once none is alive; a process that waits for a dead disk may outlive it, killed already.
        """
        with self._lock:
            self._closed = True
            server = self._server
        if server is not None:
            server.close()

    def core_seconds(self) -> float:
        """User and system CPU of the servers and of all children that have ended; final after `close`.

        Of a server that was lost it is what it last said, without the children in hand.
        """
        server = self._server
        return self._past_core_seconds + (server.core_seconds if server else 0.0)

    def _open_server(self) -> ServerProcess:
        server = self._find_server()
        try:
            ready = server.await_ready()
        except Exception:
            self._check_open()
            raise
        if not hasattr(self, "engines"):
            self.engines = ready.engines
            self.warm_core_seconds = ready.server_core_seconds
        return server

    def _find_server(self) -> ServerProcess:
        if sys.platform != "linux":
            raise ConfigError(f"documents are opened in a sandbox that needs Linux, and this is {sys.platform}")
        with self._lock:
            self._check_open()
            if self._server is not None and self._server.is_lost:
                self._bury(self._server)
            if self._server is None:
                self._server = ServerProcess(self._module, self._start)
            return self._server

    def _check_open(self) -> None:
        if self._closed:
            raise SandboxClosed("the run is being stopped") from None

    def _bury(self, server: ServerProcess) -> None:
        self._lost = 1 if server.has_answered else self._lost + 1
        if self._lost >= LOST_IN_A_ROW:
            raise ConfigError(f"the fork server died {self._lost} times before it answered: see this host's kernel log")
        log.warning("sandbox.lost pid=%d in_a_row=%d stderr=%r", server.pid, self._lost, server.read_stderr())
        server.close()
        self._past_core_seconds += server.core_seconds
        self._server = None


def _make_report(order: Order, ending: Ending) -> Report:
    answer: Answer
    growth_bytes = 0
    if ending.verdict is not None:
        answer = ending.verdict
    elif ending.exit_code:
        _log_noise(order, ending)
        answer = name_death(ending, order)
    else:
        envelope = read_answer(order)
        answer, growth_bytes = envelope.answer, envelope.growth_bytes
        if ending.lacked_memory:
            answer = refuse_memory(order.budget)
        if envelope.traceback:
            log.error("child.failed document=%s\n%s", order.document.name, envelope.traceback)
    if isinstance(answer, Failure):
        raise answer.as_error()
    return Report(answer, ending.core_seconds, ending.wall_seconds, max(ending.peak_bytes, growth_bytes))


def _log_noise(order: Order, ending: Ending) -> None:
    if ending.noise:
        log.error("child.noise document=%s exit_code=%d\n%s", order.document.name, ending.exit_code, ending.noise)
