"""Kinds are found by content."""

from pathlib import Path

import pytest

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight import Kind, find_kind
from tests.flows.ocr_intake.handwritten import render_png, render_tiff, text_pdf


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (text_pdf(), Kind.PDF),
        (b"\x00" * 900 + text_pdf(), Kind.PDF),
        (render_png(1, 1), Kind.PNG),
        (render_tiff((1, 1, -1)), Kind.TIFF),
        (b"MM\x00*\x00\x00\x00\x08", Kind.TIFF),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", Kind.JPEG),
    ],
)
def test_content_decides(tmp_path: Path, content: bytes, kind: Kind) -> None:
    """A suffix that lies changes nothing, and a PDF header counts anywhere in the first 1024 bytes."""
    path = tmp_path / "document.exe"
    path.write_bytes(content)
    assert find_kind(path, Budget()) is kind


def test_a_pdf_without_header_is_a_pdf(tmp_path: Path) -> None:
    """Where the start of the file is lost, its end still tells what it was."""
    path = tmp_path / "headless"
    path.write_bytes(b"\x00" * 2000 + text_pdf().removeprefix(b"%PDF-1.7\n"))
    assert find_kind(path, Budget()) is Kind.PDF


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.EMPTY_FILE),
        (b"just words", Reason.NOT_A_DOCUMENT),
        (b"PK\x03\x04 and more", Reason.NOT_A_DOCUMENT),
        (b"GIF89a", Reason.IMAGE_UNSUPPORTED),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Reason.IMAGE_UNSUPPORTED),
        (b"\x00\x00\x00\x18ftypheic", Reason.IMAGE_UNSUPPORTED),
    ],
)
def test_what_is_none_of_the_four_is_refused(tmp_path: Path, content: bytes, reason: Reason) -> None:
    """The refusal says whether it is nothing, no document, or an image to convert first."""
    path = tmp_path / "document.pdf"
    path.write_bytes(content)
    with pytest.raises(DocumentError) as refusal:
        find_kind(path, Budget())
    assert refusal.value.reason is reason


def test_a_file_above_the_budget_is_refused_unread(tmp_path: Path) -> None:
    """The refusal names the budget's field, so that raising it brings the document back."""
    path = tmp_path / "big.pdf"
    with path.open("wb") as stream:
        stream.truncate(2_000_001)
    with pytest.raises(DocumentError) as refusal:
        find_kind(path, Budget(max_megabytes=2))
    assert (refusal.value.reason, refusal.value.depends_on) == (Reason.TOO_BIG, ("budget.max_megabytes",))
