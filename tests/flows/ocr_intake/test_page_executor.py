"""Pages shared out to helpers: same results, whoever did them, and no helper without a core."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flows.ocr_intake.page_executor import PageExecutor
from shared.tokens import TokenPool

PAGES = 8
ROOM = 1e12


def run(executor: PageExecutor, task: Callable[[int], Any], pages: int = PAGES) -> list[Any]:
    results: list[Any] = []
    executor(
        use_threads=False,
        max_workers=1,
        progress_kwargs={},
        task=task,
        task_arguments=[(page,) for page in range(pages)],
        task_finished=lambda result, _bar: results.append(result),
    )
    return results


@pytest.fixture
def learnt() -> dict[int, str]:
    return {}


@pytest.fixture
def pool(tmp_path: Path) -> TokenPool:
    made = TokenPool(tmp_path / "tokens", 2)
    made.prepare()
    return made


@pytest.fixture
def executor(learnt: dict[int, str], pool: TokenPool) -> PageExecutor:
    """With a free core for one helper beside this process."""
    held = pool.try_take()
    assert held is not None
    made = PageExecutor(learnt)
    made.take_core = pool.try_take
    made.memory_bytes = ROOM
    return made


def read_slowly(page: int) -> tuple[int, int]:
    time.sleep(0.25)
    return page, os.getpid()


def test_pages_are_shared_and_stay_in_order(executor: PageExecutor) -> None:
    """Two processes work, and what they found comes back page by page."""
    results = run(executor, read_slowly)
    assert [page for page, _ in results] == list(range(PAGES))
    assert len({pid for _, pid in results}) == 2


def test_without_a_core_there_is_no_helper(executor: PageExecutor, pool: TokenPool) -> None:
    """All pages are done here."""
    assert pool.try_take() is not None
    assert {pid for _, pid in run(executor, read_slowly, 5)} == {os.getpid()}


def test_short_work_is_not_shared(executor: PageExecutor) -> None:
    """A helper costs more than it saves where a second's work is not left."""
    assert {pid for _, pid in run(executor, lambda page: (page, os.getpid()))} == {os.getpid()}


def test_a_tight_budget_allows_no_helper(executor: PageExecutor) -> None:
    """A helper of this process's size would take the document over its memory."""
    executor.memory_bytes = 1e6
    assert {pid for _, pid in run(executor, read_slowly, 5)} == {os.getpid()}


def test_the_core_is_given_back(executor: PageExecutor, pool: TokenPool) -> None:
    """Once the pages are done another document may have it."""
    run(executor, read_slowly, 6)
    assert pool.try_take() is not None


def test_helpers_bring_home_what_they_learnt(executor: PageExecutor, learnt: dict[int, str]) -> None:
    """What a task leaves behind is there as if all had been done here."""

    def read(page: int) -> int:
        time.sleep(0.25)
        learnt[page] = f"text {page}"
        return os.getpid()

    assert len(set(run(executor, read))) == 2
    assert learnt == {page: f"text {page}" for page in range(PAGES)}


@pytest.mark.parametrize("end", ["raises", "is killed"])
def test_a_page_that_a_helper_could_not_do_is_done_here(executor: PageExecutor, end: str) -> None:
    """Whatever became of the helper, no page is missing."""
    here = os.getpid()

    def read(page: int) -> tuple[int, int]:
        time.sleep(0.25)
        if os.getpid() != here:
            if end == "raises":
                raise ValueError("not in this process")
            os.kill(os.getpid(), signal.SIGKILL)
        return page, os.getpid()

    results = run(executor, read)
    assert results == [(page, here) for page in range(PAGES)]


def test_an_error_is_raised_as_it_is(executor: PageExecutor, pool: TokenPool) -> None:
    """It is the document's, and whoever started the work must learn of it; no helper goes on behind its back."""

    def read(page: int) -> None:
        time.sleep(0.25)
        if page >= 3:
            raise LookupError(f"page {page}")

    before = psutil.Process().children()
    with pytest.raises(LookupError, match="page"):
        run(executor, read)
    assert psutil.Process().children() == before
    assert pool.try_take() is not None
