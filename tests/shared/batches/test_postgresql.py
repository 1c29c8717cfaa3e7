import threading
from pathlib import Path

import pytest

from shared.batches.report import BatchReport
from shared.settings import Settings
from tests.shared.batches.place import Place

pytestmark = pytest.mark.slow

DOCUMENTS = 30


@pytest.fixture
def places(tmp_path: Path, postgresql_database: str) -> tuple[Place, Place]:
    """Two destinations for the same source, one ledger."""
    made = []
    for name in ("a", "b"):
        place = Place(tmp_path)
        place.destination = tmp_path / name
        place.settings = Settings(state=tmp_path, ledger_url=postgresql_database, cores=2, lease_seconds=5)
        made.append(place)
    return made[0], made[1]


def test_a_batch_on_postgresql(places: tuple[Place, Place]) -> None:
    """The same promises hold on a server: outcomes add up, a second run reuses all, another destination gets copies."""
    places[0].fill({"a.pdf": "one", "copy.pdf": "one", "bad.pdf": "bad", "crash.pdf": "crash"})
    report = places[0].run()
    assert (report.done, report.duplicate, report.quarantined) == (1, 1, 2)
    assert places[0].run().reused == 3
    assert places[1].run().reused == 3
    assert places[1].outputs() == places[0].outputs()


def test_two_runs_into_two_destinations_share_one_ledger(places: tuple[Place, Place]) -> None:
    """Both work at once on the same documents: each destination is complete, and each document has one receipt."""
    places[0].fill({f"{number}.pdf": f"word {number}" for number in range(DOCUMENTS)})
    reports: list[BatchReport] = []
    threads = [threading.Thread(target=lambda place=place: reports.append(place.run())) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.done for report in reports] == [DOCUMENTS, DOCUMENTS]
    assert len(places[0].outputs()) == len(places[1].outputs()) == 2 * DOCUMENTS
