"""The forked child: limits first, then the workflow's steps, then one answer."""

import faulthandler
import logging
import os
import resource
import signal
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from shared.budgets import Budget
from shared.outcomes import Reason
from shared.sandbox.answers import Envelope, render_answer, write_answer
from shared.sandbox.blame import MEGABYTE, NO_MEMORY, NO_SPACE, NO_SPACE_ERRNOS, name_error
from shared.sandbox.job import make_job
from shared.sandbox.lifeline import arm_lifeline
from shared.sandbox.protocol import Order, Refusal
from shared.sandbox.usage import read_status_bytes
from shared.tokens import TokenPool
from shared.workflows import Inspection, Product, Steps

OOM_SCORE = "800"
"""When the host runs out of memory, the kernel takes a child (-1000 to 1000, higher first), not the run."""
ADDRESS_SPACE_FACTOR, ADDRESS_SPACE_SPARE_MEGABYTES = 2, 512
"""Above the memory budget: where memory is refused, PDFium leaves images out and Leptonica goes on, in silence, so
a child must be stopped before it is refused any."""
OPEN_FILES = 1024
TRACEBACK_CHARACTERS = 20_000
LIFTED = (resource.RLIMIT_AS, resource.RLIMIT_FSIZE)


@dataclass(frozen=True)
class Pipes:
    """Descriptors that a child has from the server."""

    lifelines: tuple[int, ...]
    """Read ends; each one's write end is held by one process whose death is to be the child's."""
    pages: int
    noise: int
    """Takes stdout and stderr."""
    foreign: tuple[int, ...]
    """The server's own, closed at once: a write end kept here would keep another's lifeline uncut."""


def live(steps: Steps, order: Order, pipes: Pipes, tokens: TokenPool | None = None) -> NoReturn:
    """The whole life of a child, from the fork to its exit."""
    code = 1
    try:
        confine(order, pipes)
        run_order(steps, order, pipes.pages, tokens)
        code = 0
    except MemoryError:
        code = NO_MEMORY
    except OSError as error:
        code = NO_SPACE if error.errno in NO_SPACE_ERRNOS else 1
    finally:
        os._exit(code)  # Neither handlers nor buffers of the server may run here.


def confine(order: Order, pipes: Pipes) -> None:
    """Own group, tied to run and server, with limits; everything temporary goes to scratch."""
    for descriptor in pipes.foreign:
        os.close(descriptor)
    os.setpgid(0, 0)
    for lifeline in pipes.lifelines:
        arm_lifeline(lifeline)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    _limit(order.budget)
    os.dup2(pipes.noise, 1)
    os.dup2(pipes.noise, 2)
    faulthandler.enable(pipes.noise)  # Libraries may point 1 and 2 elsewhere.
    os.environ["TMPDIR"] = os.environ["HOME"] = tempfile.tempdir = str(order.scratch)
    os.chdir(order.scratch)
    logging.disable()


def run_order(steps: Steps, order: Order, pages_pipe: int, tokens: TokenPool | None) -> None:
    """Run the steps and leave an answer. OSError and MemoryError: there was no room for one."""
    start_bytes = read_status_bytes("VmRSS")
    try:
        answer = _call(steps, order, pages_pipe, tokens)
        content = render_answer(Envelope(answer, _growth(start_bytes)))
    except BaseException as error:  # noqa: BLE001 - what a library raises on a hostile file ends here, panics included
        _lift_limits()
        content = _render_fault(error, order, _growth(start_bytes))
    _lift_limits()
    write_answer(order.scratch, content)


def _call(steps: Steps, order: Order, pages_pipe: int, tokens: TokenPool | None) -> Product | Inspection:
    job = make_job(steps, order, pages_pipe, tokens)
    return steps.inspect(job) if order.action == "inspect" else steps.work(job)


def _render_fault(error: BaseException, order: Order, growth_bytes: int) -> bytes:
    answer = name_error(error, order)
    is_unexpected = isinstance(answer, Refusal) and answer.reason == Reason.CRASHED
    trace = "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS:] if is_unexpected else ""
    return render_answer(Envelope(answer, growth_bytes, trace))


def _growth(start_bytes: int) -> int:
    return max(0, read_status_bytes("VmHWM") - start_bytes)


def _limit(budget: Budget) -> None:
    # What the server had mapped is mapped here too. The server watches the budget; this is for what is faster than it.
    room_megabytes = ADDRESS_SPACE_FACTOR * budget.memory_megabytes + ADDRESS_SPACE_SPARE_MEGABYTES
    address_space = read_status_bytes("VmSize") + room_megabytes * MEGABYTE
    # The server stops the group earlier; this is for a server that does not get to look.
    cpu_seconds = budget.cpu_seconds_base + budget.cpu_seconds_per_page * budget.max_pages
    for which, limit in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, budget.output_megabytes * MEGABYTE),
        (resource.RLIMIT_CPU, int(cpu_seconds) + 1),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _lift_limits() -> None:
    """So that there is room for the answer."""
    for which in LIFTED:
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (hard, hard))
