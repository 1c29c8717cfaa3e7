"""The forked child: limits first, then the workflow's steps, then one answer."""

import errno
import faulthandler
import logging
import os
import resource
import signal
import tempfile
import traceback
from pathlib import Path

from shared.budgets import Budget
from shared.errors import ConfigError, DocumentError, MailroomError
from shared.outcomes import Reason
from shared.sandbox.lifeline import arm_lifeline
from shared.sandbox.protocol import Answer, Failure, Order, Refusal, write_answer
from shared.sandbox.usage import read_status_bytes
from shared.workflows import JSON, Inspection, Job, Product, Steps

MEGABYTE = 1_000_000
FAULT_FILE = "fault.txt"
OOM_SCORE = "800"
"""When the host runs out of memory, the kernel takes a child (-1000 to 1000, higher first), not the run."""

NO_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
HOST_ERRNOS = frozenset(
    {
        errno.EIO, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EROFS, errno.ESTALE,
        errno.ETIMEDOUT, errno.EINTR, errno.ENOLCK, errno.ECONNRESET,
    }
)  # fmt: skip


def confine(order: Order, lifelines: tuple[int, ...]) -> None:
    """Own group, tied to run and server, with limits; everything temporary goes to scratch."""
    os.setpgid(0, 0)
    for lifeline in lifelines:
        arm_lifeline(lifeline)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)
    _limit(order.budget)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.environ["TMPDIR"] = os.environ["HOME"] = tempfile.tempdir = str(order.scratch)
    os.chdir(order.scratch)
    faulthandler.enable((order.scratch / FAULT_FILE).open("w"))
    logging.disable()


def _limit(budget: Budget) -> None:
    # What the server had mapped is mapped here too; the budget is for what comes on top.
    address_space = read_status_bytes("VmSize") + budget.memory_megabytes * MEGABYTE
    for which, limit in (
        (resource.RLIMIT_AS, address_space),
        (resource.RLIMIT_FSIZE, budget.output_megabytes * MEGABYTE),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(which)
        resource.setrlimit(which, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def run_order(steps: Steps, order: Order, pages_pipe: int) -> None:
    """Run the steps and leave an answer; MemoryError while answering ends the child without one, as a crash."""
    start_bytes = read_status_bytes("VmRSS")
    extra: dict[str, JSON] = {}
    answer: Answer
    try:
        answer = _call(steps, order, pages_pipe)
    except (MemoryError, MailroomError, OSError) as error:
        answer = _name_known(error, order)
    except Exception as error:  # noqa: BLE001 - whatever a library raises on a hostile file ends here, with its traceback
        answer = Refusal(Reason.CRASHED, f"unexpected {type(error).__name__} in {_place(error)}")
        extra["traceback"] = traceback.format_exc()
    extra["growth_bytes"] = max(0, read_status_bytes("VmHWM") - start_bytes)
    write_answer(order.scratch, answer, **extra)


def make_job(steps: Steps, order: Order, pages_pipe: int | None = None) -> Job:
    """The order as the steps see it."""

    def announce(pages: int) -> None:
        if pages_pipe is not None:
            os.write(pages_pipe, f"{pages}\n".encode())

    parameters = steps.Parameters.model_validate(order.parameters)
    return Job(order.document, order.scratch, parameters, order.budget, announce)


def _call(steps: Steps, order: Order, pages_pipe: int) -> Product | Inspection:
    job = make_job(steps, order, pages_pipe)
    return steps.inspect(job) if order.action == "inspect" else steps.work(job)


def _name_known(error: BaseException, order: Order) -> Answer:
    if isinstance(error, DocumentError):
        return Refusal(error.reason, error.found, error.depends_on)
    if isinstance(error, MailroomError):
        return Failure("config" if isinstance(error, ConfigError) else "transient", str(error))
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        limit = f"{order.budget.memory_megabytes} MB"
        return Refusal(
            Reason.OUT_OF_MEMORY, f"its work needs more than {limit} of memory", ("budget.memory_megabytes",)
        )
    assert isinstance(error, OSError)
    return _name_os_error(error, order)


def _name_os_error(error: OSError, order: Order) -> Answer:
    if error.errno == errno.EFBIG:
        limit = f"{order.budget.output_megabytes} MB"
        return Refusal(
            Reason.OUTPUT_TOO_BIG, f"its work writes a file larger than {limit}", ("budget.output_megabytes",)
        )
    if error.errno in NO_SPACE_ERRNOS:
        return Failure("transient", tell_no_space(order))
    if error.filename is not None and Path(os.fsdecode(error.filename)) == order.document:
        return Refusal(Reason.UNREADABLE, f"the file system says: {error.strerror}")
    if error.errno in HOST_ERRNOS:
        return Failure("transient", f"the host says: {error.strerror}")
    return Refusal(Reason.CRASHED, f"unexpected {type(error).__name__} ({error.strerror}) in {_place(error)}")


def tell_no_space(order: Order) -> str:
    return f"no space left at {order.scratch.parent}: free some, or name another destination"


def _place(error: BaseException) -> str:
    """`module.function` of the innermost frame."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).stem}.{frame.name}"
