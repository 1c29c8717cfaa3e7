import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from shared.budgets import Budget
from shared.sandbox import Order, Report, Sandbox
from tests.shared.sandbox import faulty_steps

TIGHT = Budget(cpu_seconds_base=1, cpu_seconds_per_page=1, stall_seconds=1.5, memory_megabytes=150, output_megabytes=5)

DEAD_WITHIN_SECONDS = 5

RunFault = Callable[..., Report]


def find_servers() -> list[psutil.Process]:
    """The fork servers that this process has started."""
    return [child for child in psutil.Process().children() if "shared.sandbox.server" in child.cmdline()]


def await_family(process: psutil.Process, count: int) -> list[psutil.Process]:
    """At least so many descendants, once they are there."""
    return await_count(lambda: process.children(recursive=True), count)


def await_servers(count: int) -> list[psutil.Process]:
    """The fork servers of this process and their descendants, once they are so many; other tests' children are not."""
    return await_count(
        lambda: [one for server in find_servers() for one in (server, *server.children(recursive=True))], count
    )


def await_count(find: Callable[[], list[psutil.Process]], count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 20
    while len(found := find()) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(found) >= count
    return found


class Waiting:
    """A thread that runs one fault under a generous budget, and what came of it."""

    def __init__(self, sandbox: Sandbox, scratch: Path, fault: str, budget: Budget = Budget(stall_seconds=600)) -> None:  # noqa: B008 - frozen
        scratch.mkdir()
        self.report: Report | None = None
        self.raised: Exception | None = None
        self._order = Order("work", scratch, scratch, {"fault": fault}, budget)
        self._sandbox = sandbox
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.report = self._sandbox.run(self._order)
        except Exception as error:  # noqa: BLE001 - carried to the assertion
            self.raised = error

    def join(self, seconds: float = DEAD_WITHIN_SECONDS) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive()


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
