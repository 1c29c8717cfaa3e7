"""Results are opened again before they count."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.verification import check_pdf, clean_text, draw_page, is_blank, open_rendering, read_texts
from tests.flows.ocr_intake import handwritten as hand


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "result.pdf"
    path.write_bytes(content)
    return path


def test_a_sound_result_gives_its_text(tmp_path: Path) -> None:
    """Text per page, from a reader that did not write it."""
    assert check_pdf(write(tmp_path, hand.text_pdf()), 1) == ["Hello from a page"]


def test_a_result_with_fewer_pages_is_refused(tmp_path: Path) -> None:
    """Pages are counted against the document's."""
    with pytest.raises(DocumentError) as refusal:
        check_pdf(write(tmp_path, hand.text_pdf()), 2)
    assert refusal.value.reason is Reason.PAGES_LOST


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"no PDF at all"])
def test_a_result_that_does_not_open_is_refused(tmp_path: Path, content: bytes) -> None:
    """What was written is not what counts; what can be read is."""
    with pytest.raises(DocumentError) as refusal:
        check_pdf(write(tmp_path, content), 1)
    assert refusal.value.reason is Reason.OUTPUT_INVALID


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("one\r\ntwo\f", "one\ntwo"),
        ("\x00\x01 \ue000\ufffd", ""),
        ("exam\x02ple \ufffe", "exam-ple "),
        ("Größe 5 €", "Größe 5 €"),
    ],
)
def test_text_is_what_maps_to_characters(text: str, clean: str) -> None:
    """Form feeds separate pages, and glyphs without a character are no text."""
    assert clean_text(text) == clean


def test_paper_is_blank_and_dust_does_not_change_that() -> None:
    """White, grey, and paper with single specks show nothing."""
    assert is_blank(Image.new("L", (800, 1100), 255))
    assert is_blank(Image.new("L", (800, 1100), 90))
    dusty = Image.new("L", (800, 1100), 250)
    for number in range(300):
        dusty.putpixel((number * 37 % 800, number * 91 % 1100), 0)
    assert is_blank(dusty)


@pytest.mark.parametrize("ink", [0, 150, 215])
def test_a_single_word_is_not_blank(ink: int) -> None:
    """However faint: what is called blank is never looked at again."""
    image = Image.new("L", (800, 1100), 250)
    ImageDraw.Draw(image).text((400, 500), "No.", fill=ink, font_size=18)
    assert not is_blank(image)


def test_a_giant_page_is_looked_at_in_small(tmp_path: Path) -> None:
    """The look costs the same whatever the page box says."""
    with open_rendering(write(tmp_path, hand.content_pdf(b"0 0 9 9 re f", box=b"0 0 900000 900000"))) as document:
        image = draw_page(document, 0)
        assert image is not None
        assert max(image.size) <= 2000
        assert read_texts(document) == [""]
