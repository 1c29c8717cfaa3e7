"""What the benchmarks count, and that they run; what they find is for people to read."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pikepdf
import psutil
import pytest
from pikepdf import pdfa

from scripts.benchmarks.documents import draw_scans, write_letters, write_long_scan
from scripts.benchmarks.processes import core_seconds, family, read_pss
from scripts.benchmarks.recall import find_recall, mean_recall, read_truths
from scripts.benchmarks.telling import tell
from shared.settings import ROOT
from shared.verification import check_pdf
from tests.flows.ocr_intake import handwritten as hand

BURN = "import time; end = time.process_time() + 1.0\nwhile time.process_time() < end: pass"
BURN_IN_A_CHILD = f"""
import subprocess, sys, time
subprocess.run([sys.executable, "-c", {BURN!r}], check=True)
print(flush=True)
time.sleep(60)
"""


def test_ended_children_count() -> None:
    """What a process has reaped was spent all the same."""
    process = subprocess.Popen([sys.executable, "-c", BURN_IN_A_CHILD], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        assert core_seconds(process.pid) > 0.5
        assert sum(psutil.Process(process.pid).cpu_times()[:2]) < 0.5
        assert [member.pid for member in family(process.pid)] == [process.pid]
        assert read_pss(process.pid) > 1_000_000
    finally:
        process.kill()
        process.wait()
    time.sleep(0.05)
    assert (core_seconds(process.pid), read_pss(process.pid), family(process.pid)) == (0, 0, [])


def test_recall_counts_words_with_repetitions() -> None:
    """Case and punctuation do not count, order does not either; nothing is found twice."""
    assert find_recall("One, two; two!", "TWO one") == pytest.approx(2 / 3)
    assert find_recall("alpha beta", "beta alpha gamma") == 1.0
    assert find_recall("", "anything") == 0.0


def test_recall_of_a_lost_page_is_zero(tmp_path: Path) -> None:
    """A page without an output lowers the mean."""
    (tmp_path / "read.pdf.pdf").write_bytes(hand.text_pdf())
    assert mean_recall({"read.pdf": "Hello from a page", "lost.pdf": "words"}, tmp_path) == 0.5


def test_truths_belong_to_pages(tmp_path: Path) -> None:
    """By name; a text without a page, or a page without a text, is none."""
    for name in ("a.tif", "a.txt", "b.tif", "c.txt"):
        (tmp_path / name).write_text(name)
    assert read_truths(tmp_path) == {"a.tif": "a.txt"}


def test_letters_are_born_digital_and_all_different(tmp_path: Path) -> None:
    """Text that readers find, PDF/A that can be claimed, no two the same bytes."""
    paths = sorted(write_letters(tmp_path / "letters", 3).iterdir())
    assert len({path.read_bytes() for path in paths}) == 3
    (text,) = check_pdf(paths[1], 1)
    assert text.startswith("Letter 000001")
    assert len(text.split()) > 200
    with pikepdf.open(paths[1]) as pdf:
        pdfa.save(pdf, tmp_path / "claimed.pdf", "2b")


def test_long_scans_have_the_pages_asked_for(tmp_path: Path) -> None:
    """Pages in turn, and again from the first."""
    scans = sorted(draw_scans(tmp_path).iterdir())[:3]
    write_long_scan(scans, tmp_path / "long.pdf", 8)
    with pikepdf.open(tmp_path / "long.pdf") as pdf:
        assert len(pdf.pages) == 8


def test_a_result_is_told_to_people_and_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """One row for every number, or one JSON object."""
    result = {"ratio": 2.0, "inner": {"count": 3}}
    tell(result, as_json=True)
    assert json.loads(capsys.readouterr().out) == result
    tell(result, as_json=False)
    assert capsys.readouterr().out.split() == ["ratio", "2.000", "inner.count", "3"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_ocr_benchmark_runs(tmp_path: Path) -> None:
    """All that it promises to print, from real runs side by side; standard output holds nothing else."""
    scans = tmp_path / "scans"
    scans.mkdir()
    for path in sorted(draw_scans(scans).iterdir())[2:]:
        path.unlink()
    command = [str(ROOT / "scripts" / "bench"), "ocr", str(scans), "--rounds", "1", "--big-pages", "8", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "MAILROOM_CORPUS"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["documents"] == 2
    assert result["pages_recognised"] == 3
    assert result["xargs"]["failed"] == result["xargs_one_thread"]["failed"] == 0
    assert result["floor_core_seconds"] > 0
    assert {"wall_ratio", "cpu_ratio", "efficiency", "forecast_ratio", "fixed_core_seconds"} <= set(result)
    assert result["big_scan"]["pages"] == 8
