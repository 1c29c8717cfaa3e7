from dataclasses import replace

import pytest

from shared.budgets import Budget
from shared.outcomes import Reason
from shared.sandbox.limits import Spent, find_excess
from shared.sandbox.protocol import Failure, Refusal

BUDGET = Budget(cpu_seconds_base=10, cpu_seconds_per_page=5, stall_seconds=60, wall_seconds=1000, memory_megabytes=100)
SPENT = Spent(core_seconds=9, idle_seconds=59, wall_seconds=999, pss_bytes=99_000_000, pages=0, waits_for_disk=False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"core_seconds": 11}, Reason.CPU_TIMEOUT),
        ({"core_seconds": 19, "pages": 2}, None),
        ({"core_seconds": 21, "pages": 2}, Reason.CPU_TIMEOUT),
        ({"idle_seconds": 61}, Reason.STALLED),
        ({"wall_seconds": 1001}, Reason.WALL_TIMEOUT),
        ({"pss_bytes": 101_000_000}, Reason.OUT_OF_MEMORY),
        ({"waits_for_disk": True}, None),
    ],
)
def test_each_budget_has_its_reason(changes: dict[str, float], reason: Reason | None) -> None:
    """Just below nothing happens, just above the budget is named."""
    excess = find_excess(replace(SPENT, **changes), BUDGET)  # type: ignore[arg-type]
    assert (excess.reason if isinstance(excess, Refusal) else excess) == reason


def test_a_file_system_that_does_not_answer_is_the_worlds_fault() -> None:
    """What hangs on a disk is tried again, not quarantined."""
    excess = find_excess(replace(SPENT, idle_seconds=61, waits_for_disk=True), BUDGET)
    assert isinstance(excess, Failure)
    assert excess.kind == "transient"
