"""The fork server: one clean, warm, single-threaded process from which every document gets a child of its own.

Started by `Sandbox` as `python -m shared.sandbox.server STEPS_MODULE PARAMETERS LIFELINE_FD`; orders come in on
stdin, events go out on what was stdout, one JSON object a line.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn, cast

from shared.errors import ConfigError
from shared.sandbox.child import NO_SPACE_ERRNOS, confine, run_order
from shared.sandbox.protocol import NO_SPACE, Order
from shared.sandbox.watch import Watched
from shared.workflows import Steps

LOOK_SECONDS = 0.2
PR_SET_CHILD_SUBREAPER = 36
ORDERS = 0
READ_BYTES = 1 << 16


class Server:
    """Forks on order, watches, reports; ends when orders can no longer come, and takes every child with it."""

    def __init__(self, steps: Steps, events: int, parent_lifeline: int) -> None:
        self._steps = steps
        self._events = events
        self._parent_lifeline = parent_lifeline
        self._own_lifeline, self._own_lifeline_write = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(ORDERS, selectors.EVENT_READ)
        self._children: dict[int, Watched] = {}
        self._buffer = b""

    def serve(self) -> None:
        """Until the parent closes the orders, or is gone."""
        while True:
            ready = self._selector.select(LOOK_SECONDS if self._children else None)
            for key, _ in ready:
                if key.fd != ORDERS:
                    self._end(self._children[key.fd])
                elif not self._read_orders():
                    self._close()
                    return
            for child in list(self._children.values()):
                if child.refusal is None:
                    child.look()

    def _read_orders(self) -> bool:
        chunk = os.read(ORDERS, READ_BYTES)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            self._start(*Order.parse(line))
        return bool(chunk)

    def _start(self, number: int, order: Order) -> None:
        pages_read, pages_write = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._become_child(order, pages_write)
        os.setpgid(pid, pid)  # Both sides do it, so that neither has to wait for the other.
        os.close(pages_write)
        os.set_blocking(pages_read, False)
        child = Watched(number, order, pid, os.pidfd_open(pid), pages_read)
        self._children[child.pidfd] = child
        self._selector.register(child.pidfd, selectors.EVENT_READ)

    def _become_child(self, order: Order, pages_pipe: int) -> NoReturn:
        code = 1
        try:
            os.close(self._own_lifeline_write)
            os.close(self._events)
            confine(order, (self._parent_lifeline, self._own_lifeline))
            run_order(self._steps, order, pages_pipe)
            code = 0
        except OSError as error:
            code = NO_SPACE if error.errno in NO_SPACE_ERRNOS else 1
        finally:
            os._exit(code)  # Neither handlers nor buffers of the server may run here.

    def _end(self, child: Watched) -> None:
        self._selector.unregister(child.pidfd)
        del self._children[child.pidfd]
        self._emit(json.loads(child.end().render()))

    def _emit(self, event: dict[str, Any]) -> None:
        emit(self._events, {**event, "server_core_seconds": core_seconds()})

    def _close(self) -> None:
        for child in list(self._children.values()):
            child.kill()
            child.end()
        with contextlib.suppress(BrokenPipeError):  # The parent may be dead; then nobody asks for the accounts.
            self._emit({"event": "closed"})


def emit(descriptor: int, event: dict[str, Any]) -> None:
    os.write(descriptor, json.dumps(event).encode() + b"\n")


def core_seconds() -> float:
    """Of this process and all children it has reaped."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def warm(module: str, parameters: str) -> tuple[Steps, dict[str, str]]:
    """The steps, loaded and single-threaded; ConfigError where they start a thread, which no fork survives."""
    steps = cast("Steps", importlib.import_module(module))
    engines = dict(steps.warm(steps.Parameters.model_validate_json(parameters)))
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise ConfigError(f"{module}.warm() left {threads} threads: a forked child would inherit locks that none frees")
    gc.collect()
    gc.freeze()  # Pages that the collector never touches stay shared with the children.
    return steps, engines


def main() -> int:
    module, parameters, lifeline = sys.argv[1:]
    events = os.dup(1)
    os.dup2(2, 1)  # What a library prints must not be taken for an event.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        steps, engines = warm(module, parameters)
    except ConfigError as error:
        emit(events, {"event": "failed", "kind": "config", "message": str(error)})
        return 1
    except Exception:  # noqa: BLE001 - told to the parent, which raises it
        emit(events, {"event": "failed", "kind": "error", "message": traceback.format_exc()})
        return 1
    emit(events, {"event": "ready", "engines": engines, "server_core_seconds": core_seconds()})
    Server(steps, events, int(lifeline)).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
