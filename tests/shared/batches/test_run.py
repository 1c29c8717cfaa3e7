import json
import threading
import time
from pathlib import Path

import pytest

from shared.batches.report import BatchReport
from shared.batches.run import BatchRun
from shared.budgets import Budget
from shared.errors import ConfigError
from tests.shared.batches.place import Place

MIXED = {"a.pdf": "one", "b/c.tif": "two", "copy.pdf": "one", "bad.pdf": "bad", "faint.pdf": "faint"}


def counts(report: BatchReport) -> tuple[int, int, int, int, int]:
    return report.done, report.duplicate, report.review, report.quarantined, report.pending


def test_every_input_ends_once_and_the_report_adds_up(place: Place) -> None:
    """Done, duplicate, review and quarantined sum to the inputs, each with its reason."""
    place.fill(MIXED)
    report = place.run()
    assert counts(report) == (2, 1, 1, 1, 0)
    assert report.inputs == 5
    assert report.reasons == {"damaged": 1, "low_confidence": 1}
    assert place.inputs(report.batch)["copy.pdf"].first_location == "a.pdf"


def test_outputs_mirror_the_source(place: Place) -> None:
    """Each worked input has its output and receipt at its own path; a duplicate has none; scratch is gone."""
    place.fill(MIXED)
    place.run()
    outputs = {"a.pdf", "a.pdf.json", "b/c.tif.pdf", "b/c.tif.json", "bad.pdf.json", "faint.pdf", "faint.pdf.json"}
    assert place.outputs() == outputs
    assert list((place.destination / ".mailroom").iterdir()) == []
    receipt = json.loads((place.destination / "bad.pdf.json").read_text())
    assert (receipt["outcome"], receipt["reason"]) == ("quarantined", "damaged")


def test_originals_stay_untouched(place: Place) -> None:
    """The source is read and nothing else."""
    place.fill(MIXED)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.source.rglob("*") if path.is_file()}
    place.run()
    assert before == {
        path: (path.read_bytes(), path.stat().st_mtime_ns) for path in place.source.rglob("*") if path.is_file()
    }


def test_a_second_run_reuses_everything(place: Place) -> None:
    """Nothing is worked on twice, and outputs are not even written again."""
    place.fill(MIXED)
    place.run()
    before = {name: (place.destination / name).stat().st_mtime_ns for name in place.outputs()}
    report = place.run()
    assert counts(report) == (2, 1, 1, 1, 0)
    assert report.reused == 4
    assert before == {name: (place.destination / name).stat().st_mtime_ns for name in place.outputs()}


def test_only_what_a_change_affects_is_done_again(place: Place) -> None:
    """A parameter that made the result redoes those that depend on it; a refusal that does not, stands."""
    place.fill(MIXED)
    place.run()
    report = place.run(flavour="other")
    assert report.reused == 1
    assert (place.destination / "a.pdf").read_text() == "other\none"


def test_a_changed_threshold_judges_again_without_work(place: Place) -> None:
    """A threshold is no reason to work again: the stored facts are judged anew and the receipt follows."""
    place.fill({"faint.pdf": "faint"})
    assert counts(place.run()) == (0, 0, 1, 0, 0)
    before = (place.destination / "faint.pdf").read_bytes()
    report = place.run(threshold=5)
    assert counts(report) == (1, 0, 0, 0, 0)
    assert report.reused == 1
    assert (place.destination / "faint.pdf").read_bytes() == before
    assert json.loads((place.destination / "faint.pdf.json").read_text())["outcome"] == "done"


def test_a_refusal_for_the_budget_is_tried_again_with_a_larger_one(place: Place) -> None:
    """What a budget refused is worked on when that budget changes, and only then."""
    place.fill({"big.pdf": "big"})
    place.run()
    assert place.run(place.request(Budget(max_pages=7))).reused == 1
    assert place.run(place.request(Budget(max_megabytes=7))).reused == 0


def test_a_crash_is_tried_again_when_anything_but_a_budget_changes(place: Place) -> None:
    """What a document's work costs may be due to any parameter, so that each of them is a reason to try again."""
    place.fill({"a.pdf": "crash"})
    place.run()
    assert place.run(place.request(Budget(max_pages=7))).reused == 1
    assert place.run(flavour="other").reused == 0


def test_a_lost_output_is_published_again(place: Place) -> None:
    """An output that was deleted or cut short comes back, though its receipt stands."""
    place.fill({"a.pdf": "one", "b.pdf": "two"})
    place.run()
    (place.destination / "a.pdf").unlink()
    (place.destination / "b.pdf").write_text("")
    place.run()
    assert (place.destination / "a.pdf").read_text() == "plain\none"
    assert (place.destination / "b.pdf").read_text() == "plain\ntwo"


def test_a_moved_input_keeps_its_result(place: Place) -> None:
    """A known document at a new path is published there from the verified copy, without work."""
    place.fill({"a.pdf": "one"})
    place.run()
    (place.source / "a.pdf").rename(place.source / "moved.pdf")
    assert place.run().reused == 1
    assert (place.destination / "moved.pdf").read_text() == "plain\none"


def test_new_content_replaces_the_old_output(place: Place) -> None:
    """Where an input's content has become bad, its former output is gone, and the receipt says why."""
    place.fill({"a.pdf": "one"})
    place.run()
    place.fill({"a.pdf": "bad"})
    place.run()
    assert place.outputs() == {"a.pdf.json"}


def test_two_inputs_for_one_path(place: Place) -> None:
    """The second of two inputs that would publish to one path is quarantined; the first is not overwritten."""
    place.fill({"x.tif": "one", "x.tif.pdf": "two"})
    report = place.run()
    assert report.reasons == {"name_collision": 1}
    assert counts(report) == (1, 0, 0, 1, 0)


def test_a_document_that_kills_its_child_every_time(place: Place) -> None:
    """After three deaths in hand the document is quarantined as crashed, and its neighbours are done."""
    place.fill({"a.pdf": "one", "b.pdf": "crash"})
    report = place.run()
    assert counts(report) == (1, 0, 0, 1, 0)
    assert report.reasons == {"crashed": 1}


def test_a_file_that_changes_while_it_is_read(place: Place) -> None:
    """No receipt is written for content that was not the one its digest names."""
    place.fill({"a.pdf": "grow"})
    report = place.run()
    assert report.reasons == {"unreadable": 1}
    assert place.outputs() == set()


def test_an_empty_source_is_an_empty_batch(place: Place) -> None:
    """No inputs, nothing lost, nothing failed."""
    report = place.run()
    assert (report.inputs, report.failed_share, report.sentence) == (0, 0.0, "0 inputs: nothing to do")


def test_a_foreign_destination_is_refused(place: Place) -> None:
    """A folder with somebody else's files is not published into."""
    place.fill({"a.pdf": "one"})
    place.destination.mkdir()
    (place.destination / "a.pdf").write_text("precious")
    with pytest.raises(ConfigError, match="not ours"):
        place.run()
    assert (place.destination / "a.pdf").read_text() == "precious"


def test_a_second_run_waits_for_the_first(place: Place) -> None:
    """Two runs on one destination do the work once: the later one waits and reuses."""
    place.fill({f"{n}.pdf": f"slow {n}" for n in range(3)})
    requests = [place.request(), place.request()]
    reports: dict[str, BatchReport] = {}

    def run(number: int) -> None:
        reports[requests[number].batch_id] = place.run(requests[number])

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.2)
    for thread in threads:
        thread.join()
    assert sorted(report.reused for report in reports.values()) == [0, 3]
    assert all(report.done == 3 for report in reports.values())


def test_leftovers_of_a_killed_run_are_swept(place: Place) -> None:
    """Scratch of a run that died is no result, and the next run removes it."""
    place.fill({"a.pdf": "one"})
    leftover = place.destination / ".mailroom" / "copying" / "tmpdead"
    leftover.mkdir(parents=True)
    (leftover / "copy").write_text("half")
    place.run()
    assert not leftover.exists()


def test_accounts_are_kept(place: Place) -> None:
    """A run's cost is in its report: wall, cores, and what was spent before the first document."""
    place.fill({"a.pdf": "one"})
    report = place.run()
    assert 0 < report.fixed_core_seconds <= report.core_seconds
    assert report.wall_seconds > 0


def test_leaving_a_run_early_leaves_the_rest_pending(place: Place) -> None:
    """An interrupted batch says what is pending, and the same batch opened again goes on with it."""
    place.fill({f"{n}.pdf": str(n) for n in range(3)})
    request = place.request()
    with BatchRun(request, place.settings):
        pass
    assert sum(row.outcome is None for row in place.inputs(request.batch_id).values()) == 3
    report = place.run(request)
    assert counts(report) == (3, 0, 0, 0, 0)


def test_a_source_that_lost_a_file_between_two_attempts(place: Place) -> None:
    """An input that has gone before it was worked on is quarantined as unreadable, not forgotten."""
    place.fill({"a.pdf": "one", "b.pdf": "two"})
    request = place.request()
    with BatchRun(request, place.settings):
        pass
    Path(place.source / "b.pdf").unlink()
    assert counts(place.run(request)) == (1, 0, 0, 1, 0)
