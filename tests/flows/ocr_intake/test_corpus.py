"""Documents that nobody here wrote, from the folder that MAILROOM_CORPUS names."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from shared.verification import check_pdf
from tests.flows.ocr_intake.degraded import measure, render_table, word_recall
from tests.flows.ocr_intake.forked import Ending, work_in_child
from tests.flows.ocr_intake.plain import convert_in_child

pytestmark = [pytest.mark.corpus, pytest.mark.slow, pytest.mark.timeout(1800)]

Endings = dict[str, tuple[Path, Ending, Path]]


def run_folder(folder: Path, scratch: Path) -> Endings:
    """File name -> the document, its ending, its scratch folder."""
    documents = sorted(path for path in folder.iterdir() if path.suffix != ".txt")
    return {path.name: (path, work_in_child(path, scratch / path.name), scratch / path.name) for path in documents}


@pytest.fixture(scope="module")
def bad(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Endings:
    return run_folder(corpus / "bad", tmp_path_factory.mktemp("bad"))


@pytest.fixture(scope="module")
def scans(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Endings:
    scratch = tmp_path_factory.mktemp("scans")
    return run_folder(corpus / "scans", scratch) | run_folder(corpus / "truth", scratch)


def test_every_bad_file_ends_typed(bad: Endings) -> None:
    """None crashes, none hangs, and what a person is told is a sentence."""
    for name, (_path, ending, _scratch) in bad.items():
        assert ending.outcome in {"done", "review", "quarantined"}, (name, ending)
        if ending.outcome != "done":
            assert ending.reason, name
            assert ending.found.endswith("."), (name, ending.found)
            assert not any(trace in ending.found for trace in ("Traceback", "/tmp", "Error(")), (name, ending.found)


def test_few_bad_files_ask_for_a_person(bad: Endings) -> None:
    """At most one in five."""
    review = {name: ending.found for name, (_path, ending, _scratch) in bad.items() if ending.outcome == "review"}
    for name, found in review.items():
        sys.stdout.write(f"{name}: {found}\n")
    assert len(review) <= 0.2 * len(bad)


def test_nothing_that_plain_ocrmypdf_converts_is_quarantined(bad: Endings, tmp_path: Path) -> None:
    """Care must not cost documents."""
    lost = [
        name
        for name, (path, ending, _scratch) in bad.items()
        if ending.outcome == "quarantined" and convert_in_child(path, tmp_path / f"{name}.pdf").verified
    ]
    assert lost == []


def test_bombs_and_empty_documents_are_refused_at_once(bad: Endings) -> None:
    """In under a second and with under 200 MB more than the child began with."""
    reasons = {"bomb", "too_big", "no_pages", "page_tree_loop", "empty_file"}
    refused = [ending for _path, ending, _scratch in bad.values() if ending.reason in reasons]
    assert len(refused) >= 5
    assert max(ending.seconds for ending in refused) < 1
    assert max(ending.grown_megabytes for ending in refused) < 200


def test_results_open_in_two_other_readers(bad: Endings, scans: Endings) -> None:
    """Poppler and pdfium find the pages that the facts state, and poppler extracts text."""
    for name, (path, ending, scratch) in (bad | scans).items():
        if ending.outcome == "quarantined":
            continue
        result = scratch / "result.pdf"
        assert len(check_pdf(result, ending.facts["pages"])) == ending.facts["pages"], name
        if ending.facts["kept_original"] or path.parent.name == "bad":
            continue
        told = subprocess.run(["pdfinfo", result], check=True, capture_output=True, text=True).stdout
        assert f"Pages:           {ending.facts['pages']}\n" in told, name
        text = subprocess.run(["pdftotext", result, "-"], check=True, capture_output=True, text=True).stdout
        assert len(text.split()) > 0.9 * ending.facts["words"], name


def test_nine_scans_of_ten_are_done(scans: Endings) -> None:
    """The rest goes to review, none is quarantined."""
    outcomes = Counter(ending.outcome for _path, ending, _scratch in scans.values())
    assert set(outcomes) <= {"done", "review"}
    assert outcomes["done"] >= 0.9 * outcomes.total()


@pytest.mark.parametrize("page", ["phototest", "eurotext", "8071_093.3B"])
def test_recall_is_no_worse_than_plain(corpus: Path, scans: Endings, tmp_path: Path, page: str) -> None:
    """The same engine reads the same words."""
    truth = (corpus / "truth" / f"{page}.txt").read_text(encoding="utf-8", errors="replace")
    _path, _ending, scratch = scans[f"{page}.tif"]
    ours = word_recall(truth, (scratch / "result.txt").read_text(encoding="utf-8"))
    plain = convert_in_child(corpus / "truth" / f"{page}.tif", tmp_path / "plain.pdf")
    sys.stdout.write(f"{page}: {ours:.3f}, plain {word_recall(truth, plain.text):.3f}\n")
    assert plain.verified
    assert ours >= word_recall(truth, plain.text) - 0.001


def test_a_turned_page_reads_like_the_upright_one(corpus: Path, scans: Endings) -> None:
    """The same words, although it lay on its side."""
    truth = (corpus / "truth" / "phototest.txt").read_text(encoding="utf-8", errors="replace")
    texts = [(scans[f"{name}.tif"][2] / "result.txt").read_text() for name in ("phototest", "phototestrot")]
    assert word_recall(truth, texts[1]) >= word_recall(truth, texts[0])


def test_originals_with_legal_weight_keep_every_byte(corpus: Path, bad: Endings, tmp_path: Path) -> None:
    """E-invoices and signed documents: the output is the input, with its text beside it."""
    endings = run_folder(corpus / "einvoices", tmp_path)
    assert len(endings) == 48
    signed = {name: ending for name, ending in bad.items() if "signed" in ending[1].findings}
    assert signed
    for name, (path, ending, scratch) in (endings | signed).items():
        assert (scratch / "result.pdf").read_bytes() == path.read_bytes(), name
        assert (scratch / "result.txt").read_text().strip(), name
        assert ending.outcome == "done", (name, ending)


def test_confidence_follows_recall(corpus: Path, tmp_path: Path) -> None:
    """On 75 degraded copies, the default threshold lets few bad readings pass and holds few good ones."""
    measurements = measure(corpus / "truth", tmp_path)
    sys.stdout.write(render_table(measurements))
    bad_readings = [each for each in measurements if each.recall < 0.8]
    good_readings = [each for each in measurements if each.recall >= 0.8]
    assert len(measurements) >= 60
    assert sum(each.confidence >= 75 for each in bad_readings) <= 0.15 * len(bad_readings)
    assert sum(each.confidence < 75 for each in good_readings) <= 0.1 * len(good_readings)
