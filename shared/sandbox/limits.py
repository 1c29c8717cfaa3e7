"""Whether what a child has spent is above its budget: pure."""

from dataclasses import dataclass

from shared.budgets import Budget
from shared.outcomes import Reason
from shared.sandbox.blame import MEGABYTE, refuse_cpu, refuse_memory
from shared.sandbox.protocol import Failure, Refusal


@dataclass(frozen=True)
class Spent:
    """By one child and its descendants so far."""

    core_seconds: float
    idle_seconds: float
    """Since CPU was last used."""
    wall_seconds: float
    pss_bytes: int
    """Above what the server held when it was warm."""
    pages: int
    waits_for_disk: bool


def find_excess(spent: Spent, budget: Budget) -> Refusal | Failure | None:
    """The budget that is spent, if any. A file system that does not answer is no fault of the document's."""
    if spent.core_seconds > budget.cpu_seconds_base + budget.cpu_seconds_per_page * spent.pages:
        return refuse_cpu(budget, spent.pages)
    if spent.pss_bytes > budget.memory_megabytes * MEGABYTE:
        return refuse_memory(budget)
    if spent.idle_seconds > budget.stall_seconds:
        if spent.waits_for_disk:
            return Failure("transient", f"the file system has not answered for {budget.stall_seconds:.0f} s")
        found = f"its work made no progress for {budget.stall_seconds:.0f} s"
        return Refusal(Reason.STALLED, found, ("budget.stall_seconds",))
    if spent.wall_seconds > budget.wall_seconds:
        found = f"its work took more than {budget.wall_seconds:.0f} s"
        return Refusal(Reason.WALL_TIMEOUT, found, ("budget.wall_seconds",))
    return None
