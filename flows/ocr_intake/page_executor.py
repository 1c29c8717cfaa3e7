"""OCRmyPDF's executor: pages one after the other, and by helpers beside us while the host has idle cores."""

import contextlib
import os
import pickle
import resource
import signal
import tempfile
import time
from array import array
from collections.abc import Callable, Iterable, MutableMapping
from functools import partial
from pathlib import Path
from typing import Any

from ocrmypdf import Executor

WORTH_SECONDS = 1.0
"""What is left and takes less is done before a helper has become of use."""
MEMORY_SHARE = 0.75
"""Of the document's memory budget, for this process and helpers of its size; the rest is for larger pages to come."""

TakeCore = Callable[[], int | None]


class PageExecutor(Executor):
    """One per process. Set `take_core` and `memory_bytes` for each document.

    `learnt` is what a task leaves behind beside its result: helpers bring home the entries that they have added.
    """

    take_core: TakeCore = staticmethod(lambda: None)
    memory_bytes: float = 0

    def __init__(self, learnt: MutableMapping[int, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._learnt = learnt

    def _execute(
        self,
        *,
        task: Callable[..., Any],
        task_arguments: Iterable[tuple[Any, ...]],
        task_finished: Callable[..., Any],
        progress_kwargs: dict[str, Any],
        **_: object,
    ) -> None:
        calls = list(task_arguments)
        bar_class: Any = self.pbar_class
        with bar_class(**progress_kwargs) as bar, tempfile.TemporaryDirectory() as folder:
            results = _Shift(self, task, calls, Path(folder)).work()
            for index in range(len(calls)):  # In order, so that the same document gives the same bytes.
                task_finished(results.pop(index), bar)

    def learn(self, call: Callable[[], Any]) -> tuple[Any, dict[int, Any]]:
        """The result of a task, and what it added to `learnt`, which forgets it: a helper keeps no page."""
        before = set(self._learnt)
        result = call()
        return result, {key: self._learnt.pop(key) for key in set(self._learnt) - before}

    def take_over(self, learnt: dict[int, Any]) -> None:
        self._learnt.update(learnt)


class _Shift:
    """All pages of one pass. They lie in a file whose offset the helpers share: who reads a number works on it."""

    def __init__(
        self, executor: PageExecutor, task: Callable[..., Any], calls: list[tuple[Any, ...]], folder: Path
    ) -> None:
        self._executor = executor
        self._task = task
        self._calls = calls
        self._folder = folder
        self._helpers: list[int] = []
        self._queue = os.memfd_create("pages")
        numbers = array("I", range(len(calls)))
        self._width = numbers.itemsize
        os.write(self._queue, numbers.tobytes())
        os.lseek(self._queue, 0, os.SEEK_SET)

    def work(self) -> dict[int, Any]:
        """Index -> result. Raises what the first task raises."""
        results: dict[int, Any] = {}
        started = time.monotonic()
        try:
            while (index := self._claim()) is not None:
                results[index] = self._task(*self._calls[index])
                self._hire((time.monotonic() - started) / len(results))
        except BaseException:
            for helper in self._helpers:
                os.kill(helper, signal.SIGKILL)
            raise
        finally:
            os.close(self._queue)
            for helper in self._helpers:
                os.waitpid(helper, 0)
        for index in set(range(len(self._calls))) - set(results):
            results[index] = self._fetch(index)
        return results

    def _claim(self) -> int | None:
        number = os.read(self._queue, self._width)
        return array("I", number)[0] if number else None

    def _hire(self, seconds_per_page: float) -> None:
        left = len(self._calls) - os.lseek(self._queue, 0, os.SEEK_CUR) // self._width
        if left < 2 or left * seconds_per_page < WORTH_SECONDS or not self._has_memory():
            return
        core = self._executor.take_core()
        if core is None:
            return
        helper = os.fork()
        if not helper:
            self._help()
        os.close(core)  # The helper's copy holds the token as long as the helper lives.
        self._helpers.append(helper)

    def _has_memory(self) -> bool:
        own_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return own_bytes * (len(self._helpers) + 2) < MEMORY_SHARE * self._executor.memory_bytes

    def _help(self) -> None:
        # A page that fails here is done again by the process that can tell why.
        with contextlib.suppress(Exception):
            while (index := self._claim()) is not None:
                part = self._folder / f"{index}.part"
                part.write_bytes(pickle.dumps(self._executor.learn(partial(self._task, *self._calls[index]))))
                part.rename(self._folder / str(index))
        os._exit(0)

    def _fetch(self, index: int) -> Any:
        path = self._folder / str(index)
        if not path.exists():
            return self._task(*self._calls[index])
        result, learnt = pickle.loads(path.read_bytes())  # noqa: S301 - written by our own fork
        path.unlink()
        self._executor.take_over(learnt)
        return result
