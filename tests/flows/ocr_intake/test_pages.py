"""Pages from the first look to the facts."""

from pathlib import Path

import pytest
from ocrmypdf.hocrtransform import OcrElement
from PIL import Image, ImageDraw

from flows.ocr_intake.pages import Page, add_readings, look_at_pages, mean_confidence, write_text
from flows.ocr_intake.recogniser import Reading
from tests.flows.ocr_intake import handwritten as hand


def reading(text: str, *confidences: float) -> Reading:
    return Reading(text, OcrElement("ocr_page"), len(confidences), sum(confidences), (1, 1))


def test_only_pages_without_text_are_candidates(tmp_path: Path) -> None:
    """Text stays, paper is blank, ink is to be read."""
    path = tmp_path / "text.pdf"
    path.write_bytes(hand.text_pdf())
    assert [page.source for page in look_at_pages(path)] == ["embedded"]
    blank = Image.new("L", hand.A4_AT_150_DPI, 255)
    scan = hand.write_scan(tmp_path / "scan.pdf", hand.draw_page(), blank)
    assert [page.source for page in look_at_pages(scan)] == ["recognised", "blank"]


def test_specks_that_read_as_stops_leave_a_page_blank(tmp_path: Path) -> None:
    """The back of a sheet has dust on it, and no words."""
    sheet = Image.new("L", hand.A4_AT_150_DPI, 250)
    for place in range(5):
        ImageDraw.Draw(sheet).rectangle((200 + 90 * place, 300, 203 + 90 * place, 303), 0)
    looked = look_at_pages(hand.write_scan(tmp_path / "back.pdf", sheet))
    assert [page.source for page in looked] == ["recognised"]
    (page,) = add_readings(looked, {0: reading(". ,", 30.0, 20.0)})
    assert (page.source, page.words) == ("blank", 0)


def test_a_page_that_was_read_tells_how_well() -> None:
    """Confidence is the mean over its words; form feeds at the end are the engine's own."""
    (page,) = add_readings([Page(1)], {0: reading("two words\n\f", 90.0, 70.0)})
    assert page == Page(1, "two words\n", "recognised", 80.0, 2)
    assert page.to_fact() == {"page_number": 1, "words": 2, "mean_confidence": 80.0, "source": "recognised"}


@pytest.mark.parametrize(
    ("pages", "mean"),
    [
        ([Page(1, mean_confidence=90.0, words=3), Page(2, mean_confidence=50.0, words=1)], 80.0),
        ([Page(1, "text", "embedded", words=9)], None),
        ([], None),
    ],
)
def test_the_mean_is_weighted_by_words(pages: list[Page], mean: float | None) -> None:
    """Pages with text of their own have no confidence and no say."""
    assert mean_confidence(pages) == mean


def test_text_is_utf8_whatever_was_read(tmp_path: Path) -> None:
    """Half a surrogate pair, which fonts produce, becomes a question mark and no exception."""
    write_text([Page(1, "Größe\n"), Page(2), Page(3, "\ud83d\n")], tmp_path / "text.txt")
    assert (tmp_path / "text.txt").read_bytes() == "Größe\n\f\f?\n".encode()
