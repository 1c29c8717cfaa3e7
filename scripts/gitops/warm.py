"""Many short jobs that need Prefect: one process imports it once and forks itself for each of them.

Run as `python -m scripts.gitops.warm JOBS`; it reads a JSON list of tasks and writes a JSON line for each that ended.
Every fork starts without the modules of any other workflow: two siblings of the same name never meet.
"""

import contextlib
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.sandbox.lifeline import arm_lifeline
from shared.settings import ROOT

PACKAGES = frozenset({"flows", "scripts", "shared"})
"""Top-level packages that every checkout of this layout has."""


@dataclass(frozen=True)
class Task:
    """A function `module:name`, called with the arguments in a process of its own, below `folder`."""

    function: str
    arguments: tuple[Any, ...]
    folder: Path


@dataclass(frozen=True)
class Ended:
    index: int
    """Of the task in its list."""
    result: Any = None
    fault: str | None = None
    """What it printed and raised; None: it returned."""


def run_tasks(
    tasks: Sequence[Task], jobs: int, *, preload: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Ended]:
    """As they end; `preload` names the modules that every task finds imported. Nothing raised is lost."""
    if not tasks:
        return
    order = {
        "jobs": jobs,
        "preload": list(preload),
        "tasks": [
            {"function": task.function, "arguments": task.arguments, "folder": str(task.folder)} for task in tasks
        ],
    }
    lifeline, end = os.pipe()
    with (
        subprocess.Popen(
            [sys.executable, "-m", "scripts.gitops.warm", str(lifeline)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environment) if environment is not None else None,
            cwd=ROOT,
            text=True,
            pass_fds=[lifeline],
            start_new_session=True,
        ) as process,
        os.fdopen(end, "wb"),  # Closed first: who stops listening ends the work.
    ):
        os.close(lifeline)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(order))
        process.stdin.close()
        ended = set()
        for line in process.stdout:
            one = Ended(**json.loads(line))
            ended.add(one.index)
            yield one
        process.wait()
    for index in sorted(set(range(len(tasks))) - ended):
        yield Ended(index, fault=f"the process that should have done it ended with code {process.returncode}")


def main(lifeline: int) -> None:
    # Killed with whoever asked: a deploy must not go on when the lock of its apply is gone.
    arm_lifeline(lifeline)
    order = json.load(sys.stdin)
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for module in order["preload"]:
        importlib.import_module(module)
    waiting = list(enumerate(order["tasks"]))[::-1]
    running: dict[int, tuple[int, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        while waiting or running:
            while waiting and len(running) < order["jobs"]:
                index, task = waiting.pop()
                answer = str(Path(folder, str(index)))
                running[_fork(task, answer)] = index, answer
            pid, status = os.wait()
            index, answer = running.pop(pid)
            lines.write(json.dumps({"index": index, **_read(answer, status)}) + "\n")
            lines.flush()


def _fork(task: Mapping[str, Any], answer: str) -> int:
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = _work(task, answer)
        finally:
            os._exit(code)
    return pid


def _work(task: Mapping[str, Any], answer: str) -> int:
    os.chdir(task["folder"])
    said = io.StringIO()
    module, name = task["function"].split(":")
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            function: Callable[..., Any] = getattr(importlib.import_module(module), name)
            _enter(Path(task["folder"]))
            found = {"result": function(*task["arguments"])}
    except BaseException:  # noqa: BLE001 - whatever code of a workflow raises, SystemExit too, is the answer
        found = {"fault": f"{said.getvalue()}{traceback.format_exc()}".strip()}
    Path(answer).write_text(json.dumps(found), encoding="utf-8")
    return 0


def _enter(folder: Path) -> None:
    """See the modules of that checkout, not of the one whose engine is at work."""
    sys.path[:] = [str(folder), *(place for place in sys.path if Path(place).resolve() != ROOT)]
    for name in [name for name in sys.modules if name.partition(".")[0] in PACKAGES]:
        del sys.modules[name]


def _read(answer: str, status: int) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(Path(answer).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"fault": f"the process ended with code {os.waitstatus_to_exitcode(status)} and without an answer"}
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
