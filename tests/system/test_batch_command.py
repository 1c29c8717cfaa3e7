"""The command line as its users type it, against a real server and worker."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts.demo_documents import draw_demo
from scripts.embedded import render_environment
from shared.settings import ROOT
from tests.system.scans import draw_scans
from tests.system.stack import Stack

BATCH = [str(Path(sys.executable).with_name("batch"))]


def batch(stack: Stack, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**render_environment(stack.settings, stack.embedded), "COLUMNS": "160"}
    command = [*BATCH, *map(str, words)]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    draw_demo(folder / "in")
    return folder


def run_demo(stack: Stack, demo: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return batch(stack, "run", "ocr-intake", "--source", demo / "in", "--destination", demo / "out", *words)


def test_a_batch_from_start_to_report(stack: Stack, demo: Path) -> None:
    """The forecast touches nothing; the run ends green with a report that adds up; a second run reuses it all."""
    forecast = run_demo(stack, demo, "--dry-run")
    assert forecast.returncode == 0, forecast.stderr
    assert "6 documents to work on with 7 pages" in forecast.stdout
    assert not (demo / "out").exists()

    first = run_demo(stack, demo, "--report", demo / "report.json")
    assert first.returncode == 0, first.stdout + first.stderr
    report = json.loads((demo / "report.json").read_text())
    ends = [report[name] for name in ("done", "duplicate", "review", "quarantined")]
    assert sum(ends) == report["inputs"] == 9
    assert report["reasons"]["encrypted"] == report["reasons"]["not_a_document"] == report["duplicate"] == 1
    assert (report["pages"], report["reused"], report["state"]) == (7, 0, "Completed")
    assert 0 < report["fixed_core_seconds"] <= report["core_seconds"]

    second = run_demo(stack, demo)
    assert "All of it was done already." in second.stdout

    shown = batch(stack, "report", report["batch"][:8], "--receipts", demo / "receipts.jsonl")
    assert "salary-statement.pdf" in shown.stdout
    rows = [json.loads(line) for line in (demo / "receipts.jsonl").read_text().splitlines()]
    assert len(rows) == 9
    assert report["batch"][:8] in batch(stack, "status").stdout


def test_text_can_be_found_in_what_was_published(stack: Stack, demo: Path) -> None:
    """The words of the scan are in its text, and its receipt says how sure they are."""
    run_demo(stack, demo)
    assert "Archive box" in (demo / "out" / "invoice-2041.pdf.txt").read_text()
    receipt = json.loads((demo / "out" / "contracts" / "service-agreement.pdf.json").read_text())
    assert receipt["pages"] == 2
    assert receipt["pdfa"] == "2b"


def test_a_mostly_broken_batch_is_not_green(stack: Stack, tmp_path: Path) -> None:
    """More quarantined inputs than the stated share make the run fail, and the exit code says so."""
    (tmp_path / "in").mkdir()
    for number in range(3):
        (tmp_path / "in" / f"{number}.pdf").write_text(f"no document {number}")
    words: list[str | Path] = ["--source", tmp_path / "in", "--destination", tmp_path / "out"]
    failed = batch(stack, "run", "ocr-intake", *words)
    assert failed.returncode == 1
    assert "100% quarantined" in failed.stdout
    assert batch(stack, "run", "ocr-intake", *words, "--set", "max_failed_share=1").returncode == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["run", "no-such", "--source", ".", "--destination", "/tmp/x"], "no deployment no-such/no-such is live"),
        (["run", "ocr-intake", "--source", ".", "--destination", "/tmp/x", "--set", "langs=eng"], "is no parameter"),
        (["run", "ocr-intake", "--source", ".", "--destination", "/tmp/x", "--set", "mode=all"], "is not one of"),
        (["run", "ocr-intake", "--source", "."], "--destination"),
        (["report", "zzz"], "no batch begins with 'zzz'"),
    ],
)
def test_mistakes_are_explained(stack: Stack, words: list[str], problem: str) -> None:
    """A wrong word on the command line is answered with what is right, and exit code 2."""
    done = batch(stack, *words)
    assert done.returncode == 2
    assert problem in " ".join((done.stdout + done.stderr).split())


def test_ctrl_c_leaves_the_run_going(stack: Stack, tmp_path: Path) -> None:
    """Who stops following is told how to come back, and the run ends by itself."""
    draw_scans(tmp_path / "in", 12, seed=4)
    command = [*BATCH, "run", "ocr-intake", "--source", str(tmp_path / "in"), "--destination", str(tmp_path / "out")]
    environment = render_environment(stack.settings, stack.embedded)
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as follower:
        while not stack.children():
            time.sleep(0.1)
        follower.send_signal(signal.SIGINT)
        output, _ = follower.communicate(timeout=30)
    assert follower.returncode == 130
    words = output.split()
    batch_id = words[words.index("report") + 1]
    with stack.client() as client:
        (run,) = (run for run in client.read_flow_runs() if str(run.id).startswith(batch_id))
    assert stack.await_final(run.id).is_completed()


def test_without_a_server_the_way_to_one_is_named(tmp_path: Path) -> None:
    """No configured and no embedded server: the error says how to start one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"MAILROOM_STATE": str(tmp_path), "PREFECT_HOME": str(tmp_path)}
    command = [*BATCH, "run", "ocr-intake", "--source", ".", "--destination", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "scripts/demo --keep" in done.stderr


def test_steps_run_here_without_prefect(demo: Path, tmp_path: Path) -> None:
    """One file in this process: outputs, outcome and facts, and an exception with its traceback."""
    command = [*BATCH, "run", "ocr-intake", "--destination", str(tmp_path), "--here"]
    done = subprocess.run([*command, demo / "in" / "letter.pdf"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Leith" in (tmp_path / "letter.pdf.txt").read_text()
    failed = subprocess.run([*command, demo / "in" / "minutes.pdf"], capture_output=True, text=True, check=False)
    assert failed.returncode != 0
    assert "Traceback" in failed.stderr
