from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shared.budgets import Budget
from shared.sandbox import Order, Report, Sandbox
from tests.shared.sandbox import faulty_steps

TIGHT = Budget(cpu_seconds_base=1, cpu_seconds_per_page=1, stall_seconds=1.5, memory_megabytes=150, output_megabytes=5)

RunFault = Callable[..., Report]


@pytest.fixture
def run_fault(tmp_path: Path) -> Iterator[RunFault]:
    """Run one fault in a sandbox of this test's own, under a tight budget."""
    document = tmp_path / "document"
    document.write_text("words")
    numbers = iter(range(100_000))
    with ExitStack() as stack:
        sandbox = Sandbox(faulty_steps.__name__, {})
        stack.enter_context(sandbox)

        def run(fault: str, budget: Budget = TIGHT, path: Path = document, box: Sandbox = sandbox) -> Report:
            scratch = tmp_path / f"scratch-{next(numbers)}"
            scratch.mkdir()
            return box.run(Order("work", path, scratch, {"fault": fault}, budget))

        run.sandbox = sandbox  # type: ignore[attr-defined]  # for tests that look behind it
        yield run
