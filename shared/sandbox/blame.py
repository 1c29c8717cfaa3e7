"""Whose fault it is: exceptions and deaths of a child, classified by fate."""

import errno
import os
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path

from shared.budgets import Budget
from shared.errors import ConfigError, DocumentError, MailroomError
from shared.outcomes import Reason
from shared.sandbox.protocol import Answer, ChildCrashed, Ending, Failure, Order, Refusal

MEGABYTE = 1_000_000
FULL_BELOW_BYTES = 1_000_000
"""With less room than this, a library that fails has most likely failed to write."""
NO_SPACE = 75
NO_MEMORY = 71
"""Exit codes of a child that had no room or no memory left even for its answer."""

NO_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
HOST_ERRNOS = frozenset(
    {
        errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EROFS, errno.ESTALE,
        errno.ETIMEDOUT, errno.EINTR, errno.ENOLCK, errno.ECONNRESET,
    }
)  # fmt: skip
FAULT_SIGNALS = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGTRAP, signal.SIGILL})


def name_error(error: BaseException, order: Order) -> Answer:
    """The answer that an exception amounts to, looking through what it was raised from."""
    if isinstance(error, DocumentError):
        return Refusal(error.reason, error.found, error.depends_on)
    if isinstance(error, MailroomError):
        return Failure("config" if isinstance(error, ConfigError) else "transient", str(error))
    for cause in _chain(error):
        if (known := _name_known(cause, order)) is not None:
            return known
    return find_spent_room(order) or _name_unknown(error, order)


def name_death(ending: Ending, order: Order) -> Refusal | Failure:
    """For an ending without a verdict and without an answer. Raises ChildCrashed where nothing explains it."""
    killer = signal.Signals(-ending.exit_code) if ending.exit_code < 0 else None
    if ending.exit_code == NO_SPACE:
        return tell_no_space(order)
    if ending.exit_code == NO_MEMORY or (killer in FAULT_SIGNALS and _ran_out_of_memory(ending, order.budget)):
        return refuse_memory(order.budget)
    if killer == signal.SIGXFSZ:
        return refuse_output(order.budget)
    if killer == signal.SIGXCPU:
        return refuse_cpu(order.budget, order.budget.max_pages)
    # A kill says nothing of what was written: the kernel's out-of-memory killer or an operator chose its moment.
    spent = find_spent_room(order) if killer != signal.SIGKILL else None
    if spent is not None:
        return spent
    detail = f"was ended by {killer.name}" if killer else f"left with code {ending.exit_code} and no answer"
    if ending.was_starved:
        detail += ", when the container or the host had no memory left"
    raise ChildCrashed(f"its child {detail}", ending.core_seconds, killer, was_starved=ending.was_starved)


def find_spent_room(order: Order) -> Refusal | Failure | None:
    """C++ libraries tell a full disk or the limit of a file's size in words of their own: look at what was written."""
    if not order.scratch.is_dir():
        return None
    limit = order.budget.output_megabytes * MEGABYTE
    if any(path.lstat().st_size >= limit for path in order.scratch.rglob("*") if path.is_file()):
        return refuse_output(order.budget)
    room = os.statvfs(order.scratch)
    if room.f_bavail * room.f_frsize < FULL_BELOW_BYTES or (room.f_files and not room.f_favail):
        return tell_no_space(order)
    return None


def refuse_memory(budget: Budget) -> Refusal:
    found = f"its work needs more than {budget.memory_megabytes} MB of memory"
    return Refusal(Reason.OUT_OF_MEMORY, found, ("budget.memory_megabytes",))


def refuse_output(budget: Budget) -> Refusal:
    found = f"its work writes a file larger than {budget.output_megabytes} MB"
    return Refusal(Reason.OUTPUT_TOO_BIG, found, ("budget.output_megabytes",))


def refuse_cpu(budget: Budget, pages: int) -> Refusal:
    granted = budget.cpu_seconds_base + budget.cpu_seconds_per_page * pages
    names = ("budget.cpu_seconds_base", "budget.cpu_seconds_per_page")
    return Refusal(Reason.CPU_TIMEOUT, f"its work took more than {granted:.0f} CPU seconds", names)


def tell_no_space(order: Order) -> Failure:
    message = f"no space left at {order.scratch.parent}: free some, or name another destination"
    return Failure("transient", message)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)


def _name_known(error: BaseException, order: Order) -> Answer | None:
    if isinstance(error, MemoryError):
        return refuse_memory(order.budget)
    return _name_os_error(error, order) if isinstance(error, OSError) else None


def _name_os_error(error: OSError, order: Order) -> Answer | None:
    if error.errno == errno.ENOMEM:  # The child's own limit: a host that is short of memory kills instead.
        return refuse_memory(order.budget)
    if error.errno == errno.EFBIG:
        return refuse_output(order.budget)
    if error.errno in NO_SPACE_ERRNOS:
        return tell_no_space(order)
    if error.errno in HOST_ERRNOS:
        return Failure("transient", f"the host says: {error.strerror}")
    if error.filename is not None and Path(os.fsdecode(error.filename)) == order.document:
        return Refusal(Reason.UNREADABLE, f"the file system says: {error.strerror}")
    # A bad sector under the document stays bad; elsewhere the disk may be exchanged.
    return Failure("transient", f"the host says: {error.strerror}") if error.errno == errno.EIO else None


def _name_unknown(error: BaseException, order: Order) -> Refusal:
    if not os.access(order.document, os.R_OK):
        return Refusal(Reason.UNREADABLE, "the file system does not give it to us any more")
    return Refusal(Reason.CRASHED, _describe(error))


def _ran_out_of_memory(ending: Ending, budget: Budget) -> bool:
    return ending.lacked_memory or ending.peak_bytes > 0.8 * budget.memory_megabytes * MEGABYTE


def _describe(error: BaseException) -> str:
    """Kind and place alone: a message may quote the document."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(frame.filename).stem}.{frame.name}"
    if isinstance(error, RecursionError):
        return f"its structure is nested deeper than the work can follow (RecursionError in {place})"
    words = f" ({error.strerror})" if isinstance(error, OSError) and error.strerror else ""
    return f"unexpected {type(error).__name__}{words} in {place}"
