"""Real documents through the deployed workflow: what is published, not what the steps say."""

import json
from pathlib import Path
from uuid import UUID

import pypdfium2
import pytest

from shared.batches.report import BatchReport, read_report
from shared.documents import digest_file
from tests.system.stack import Stack

pytestmark = [pytest.mark.corpus, pytest.mark.slow, pytest.mark.timeout(900)]


def run(stack: Stack, source: Path, destination: Path) -> BatchReport:
    flow_run: UUID = stack.start_run(source, destination, max_failed_share=1)
    state = stack.await_final(flow_run, seconds=800)
    assert state.is_completed(), state.message
    ledger = stack.ledger()
    try:
        return read_report(ledger, str(flow_run))
    finally:
        ledger.close()


def published(destination: Path) -> dict[str, Path]:
    """Location -> the published document, where there is one."""
    found = {}
    for receipt in destination.rglob("*.json"):
        location = json.loads(receipt.read_text())["location"]
        document = destination / location
        if document.suffix.lower() != ".pdf":
            document = document.with_name(f"{document.name}.pdf")
        if document.is_file():
            found[location] = document
    return found


def test_hostile_files_end_typed_and_leave_nothing_invalid(stack: Stack, corpus: Path, tmp_path: Path) -> None:
    """Every hostile file ends once; what is published opens and has pages; none crashed or timed out."""
    report = run(stack, corpus / "bad", tmp_path / "out")
    files = [path for path in (corpus / "bad").iterdir() if path.is_file()]
    assert report.inputs == len(files)
    assert report.done + report.duplicate + report.review + report.quarantined == report.inputs
    assert not {"crashed", "stalled", "cpu_timeout", "wall_timeout"} & set(report.reasons), report.reasons
    documents = published(tmp_path / "out")
    assert len(documents) == report.done + report.review
    for location, path in documents.items():
        with pypdfium2.PdfDocument(path) as document:
            assert len(document) >= 1, location


def test_scans_are_read(stack: Stack, corpus: Path, tmp_path: Path) -> None:
    """Nine of ten filings are done, the others wait for a person, and every one has its text."""
    report = run(stack, corpus / "scans", tmp_path / "out")
    assert report.inputs == report.done + report.review == 24
    assert report.done >= 0.9 * report.inputs
    assert report.pages == 49
    texts = list((tmp_path / "out").glob("*.txt"))
    assert len(texts) == 24
    assert all(text.read_text().strip() for text in texts)


def test_einvoices_keep_every_byte(stack: Stack, corpus: Path, tmp_path: Path) -> None:
    """An e-invoice is published as it came, with its text beside it."""
    report = run(stack, corpus / "einvoices", tmp_path / "out")
    assert report.inputs == report.done + report.duplicate == 48
    documents = published(tmp_path / "out")
    assert len(documents) == report.done
    for location, path in documents.items():
        assert digest_file(path) == digest_file(corpus / "einvoices" / location)
        assert path.with_name(f"{path.name}.txt").read_text().strip()
