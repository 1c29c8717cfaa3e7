import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import stamina
from sqlalchemy.exc import OperationalError

from shared.documents import digest_file
from shared.errors import TransientError
from shared.ledger import Lease, Ledger
from shared.ledger.ledger import Fenced
from shared.settings import ROOT
from tests.shared.batches.place import Place

DOCUMENTS = 60


def start_faulty(fault: str, place: Place) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.shared.batches.faults", fault, str(place.source.parent)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)


def fill(place: Place, word: str = "word") -> None:
    place.fill({f"{number:02}.pdf": f"{word} {number}" for number in range(DOCUMENTS)})


def check_complete(place: Place) -> None:
    """Every input done, one receipt each, every published file as the ledger says, no scratch."""
    report = place.run()
    assert (report.done, report.inputs) == (DOCUMENTS, DOCUMENTS)
    with sqlite3.connect(place.settings.state / "ledger.db") as ledger:
        files = ledger.execute("SELECT path, sha256 FROM output_files").fetchall()
        (receipts,) = ledger.execute("SELECT count(*) FROM receipts").fetchone()
    assert receipts == DOCUMENTS
    assert {path for path, _ in files} == place.outputs()
    assert all(digest_file(place.destination / path) == digest for path, digest in files)
    assert list((place.destination / ".mailroom").iterdir()) == []


@pytest.mark.parametrize("fault", ["after-rename", "between-slices"])
def test_killed_at_the_worst_moment(place: Place, fault: str) -> None:
    """A SIGKILL between the rename and the receipt's commit, or between two slices, costs nothing but time."""
    fill(place)
    process = start_faulty(fault, place)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    with sqlite3.connect(place.settings.state / "ledger.db") as ledger:
        (settled,) = ledger.execute("SELECT count(*) FROM inputs WHERE outcome IS NOT NULL").fetchone()
    assert 0 < settled < DOCUMENTS
    check_complete(place)


def test_a_frozen_run_that_wakes_up_publishes_nothing(place: Place) -> None:
    """A run that slept through its lease loses: its successor's outputs and receipts stand, and it ends in error."""
    fill(place)
    process = start_faulty("freeze", place)
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.05)
    check_complete(place)
    before = {name: (place.destination / name).stat().st_mtime_ns for name in place.outputs()}
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"another run works" in stderr
    assert before == {name: (place.destination / name).stat().st_mtime_ns for name in place.outputs()}
    check_complete(place)


def test_a_locked_database_is_waited_for(place: Place) -> None:
    """Another program that holds the ledger's lock for seconds makes the run slower, not wrong."""
    fill(place)
    place.run()
    place.fill({f"late-{number}.pdf": f"late {number}" for number in range(5)})

    def hold() -> None:
        with sqlite3.connect(place.settings.state / "ledger.db", isolation_level=None) as ledger:
            ledger.execute("BEGIN IMMEDIATE")
            time.sleep(3)
            ledger.execute("COMMIT")

    holder = threading.Thread(target=hold)
    holder.start()
    report = place.run()
    holder.join()
    assert (report.done, report.reused) == (DOCUMENTS + 5, DOCUMENTS)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False, capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("only root may mount a small disk here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_stops_the_run_and_loses_nothing(place: Place, small_disk: Path) -> None:
    """A disk without room fails the run with the place's name; with room again, the next run completes the batch."""
    place.destination = small_disk / "out"
    place.fill({f"{number}.pdf": "word " * 20_000 + str(number) for number in range(4)})
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(800_000))
    with stamina.set_testing(True, attempts=2), pytest.raises(TransientError, match="no space left"):
        place.run()
    ballast.unlink()
    report = place.run()
    assert (report.done, report.pending) == (4, 0)


def test_room_that_comes_back_in_time_is_enough(place: Place, small_disk: Path) -> None:
    """A disk that is full for a moment is waited for: the run itself completes."""
    place.destination = small_disk / "out"
    place.fill({"a.pdf": "word " * 20_000})
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(990_000))
    timer = threading.Timer(4, ballast.unlink)
    timer.start()
    report = place.run()
    timer.join()
    assert report.done == 1


def test_a_connection_lost_after_its_commit_costs_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the database has kept is not done again, although it never said so."""
    fill(place)
    fenced = Ledger.fenced
    lost: list[Lease] = []

    @contextmanager
    def lose_connection(ledger: Ledger, lease: Lease) -> Iterator[Fenced]:
        with fenced(ledger, lease) as transaction:
            yield transaction
        if len(lost) < 2:
            lost.append(lease)
            raise OperationalError("COMMIT", {}, ConnectionError("server closed the connection"))

    # No real server can be made to die between its commit and its answer.
    monkeypatch.setattr(Ledger, "fenced", lose_connection)
    report = place.run()
    assert len(lost) == 2
    assert (report.done, report.pending) == (DOCUMENTS, 0)
