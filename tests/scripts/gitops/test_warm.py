"""Tasks run in forks of one process: each by itself, none outlives who asked, nothing raised is lost."""

import time
from pathlib import Path

import psutil

from scripts.gitops.warm import Task, run_tasks


def work(root: Path, text: str) -> Task:
    root.mkdir(exist_ok=True)
    (root / "task_of_a_test.py").write_text(text)
    return Task("runpy:run_path", (str(root / "task_of_a_test.py"),), root)


def test_faults_come_back_with_what_was_printed(tmp_path: Path) -> None:
    """Exceptions, exits and kills; the others go on."""
    tasks = [
        work(tmp_path / "a", "print('about to')\nraise ValueError('no')\n"),
        work(tmp_path / "b", "raise SystemExit(3)\n"),
        work(tmp_path / "c", "import os\nos.kill(os.getpid(), 9)\n"),
        Task("os.path:join", ("a", "b"), tmp_path),
    ]
    ended = {one.index: one for one in run_tasks(tasks, 2)}
    assert "about to" in str(ended[0].fault)
    assert "ValueError: no" in str(ended[0].fault)
    assert "SystemExit: 3" in str(ended[1].fault)
    assert "ended with code -9" in str(ended[2].fault)
    assert (ended[3].result, ended[3].fault) == ("a/b", None)


def test_no_task_means_no_process(tmp_path: Path) -> None:
    """Nothing to do costs nothing."""
    assert list(run_tasks([], 2)) == []


def test_who_stops_listening_ends_the_work(tmp_path: Path) -> None:
    """Tasks that are under way are killed, and do not finish behind our back."""
    late = tmp_path / "late"
    slow = work(tmp_path / "slow", f"import time, pathlib\ntime.sleep(3)\npathlib.Path({str(late)!r}).touch()\n")
    listening = run_tasks([Task("os.path:join", ("a", "b"), tmp_path), slow], 2)
    assert next(listening).result == "a/b"
    before = time.monotonic()
    listening.close()  # type: ignore[attr-defined]
    assert time.monotonic() - before < 2
    assert not [
        child for child in psutil.Process().children(recursive=True) if "gitops.warm" in " ".join(child.cmdline())
    ]
    time.sleep(3)
    assert not late.exists()
