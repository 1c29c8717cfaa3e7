"""The fork server: one clean, warm, single-threaded process from which every document gets a child of its own.

Started by `Sandbox` as `python -m shared.sandbox.server STEPS_MODULE LIFELINE_FD`. The first line on stdin is a
`Start`, each further line an order; events go out on what was stdout, one JSON object a line.
"""

import ctypes
import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Mapping
from typing import cast

from shared.errors import ConfigError, TransientError
from shared.sandbox.forking import ForkServer, core_seconds, emit
from shared.sandbox.kernel import check_kernel
from shared.sandbox.lifeline import arm_lifeline
from shared.sandbox.protocol import Event, Failure, Start
from shared.sandbox.usage import find_family, read_children
from shared.workflows import JSON, Steps

PR_SET_CHILD_SUBREAPER = 36
GARBAGE_THRESHOLD = 50_000
"""Objects between two collections; a child lives for one document, and little of what it drops is in cycles."""


def main() -> int:
    module, lifeline = sys.argv[1], int(sys.argv[2])
    orders, events = _take_streams()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        check_kernel()
        armed = arm_lifeline(lifeline)  # While it becomes warm, nobody here looks whether the run still lives.
        start = Start.parse(_read_line(orders))
        steps, engines = warm(module, start.parameters)
    except Exception as error:  # noqa: BLE001 - told to the parent, which raises it
        _kill_programs()
        emit(events, Event("failed", core_seconds(), failure=_name_failure(error)))
        return 1
    os.close(armed)
    server = ForkServer(steps, orders, events, lifeline, start.tokens)
    emit(events, Event("ready", core_seconds(), engines))  # Only now has it all the descriptors that it needs.
    server.serve()
    return 0


def warm(module: str, parameters: Mapping[str, JSON]) -> tuple[Steps, dict[str, str]]:
    """The steps, loaded and single-threaded; ConfigError where they start a thread, which no fork survives."""
    steps = cast("Steps", importlib.import_module(module))
    engines = dict(steps.warm(steps.Parameters.model_validate(parameters)))
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208 - names alone
    if threads != 1:
        raise ConfigError(f"{module}.warm() left {threads} threads: a forked child would inherit locks that none frees")
    if read_children(os.getpid()):
        raise ConfigError(f"{module}.warm() left a program running: it would be killed as what a document has started")
    gc.collect()
    gc.freeze()  # Pages that the collector never touches stay shared with the children.
    gc.set_threshold(GARBAGE_THRESHOLD)
    return steps, engines


def _take_streams() -> tuple[int, int]:
    """Orders and events on descriptors of their own: what a library reads or prints is neither."""
    orders, events = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return orders, events


def _read_line(descriptor: int) -> bytes:
    """Byte by byte: what follows the line is for another reader."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(descriptor, 1)):
        line += byte
    return line


def _kill_programs() -> None:
    for pid in find_family(read_children(os.getpid())):
        os.kill(pid, signal.SIGKILL)


def _name_failure(error: Exception) -> Failure:
    if isinstance(error, (ConfigError, TransientError)):
        return Failure("config" if isinstance(error, ConfigError) else "transient", str(error))
    return Failure("config", f"the workflow's steps cannot be loaded:\n{traceback.format_exc()}")


if __name__ == "__main__":
    sys.exit(main())
