"""Results are opened again before they count."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.verification import check_pdf, clean_text, draw_page, is_blank, is_dust, open_rendering, read_texts
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


A4_AT_100_DPI = (827, 1169)


def paper(shade: int = 250) -> Image.Image:
    return Image.new("L", A4_AT_100_DPI, shade)


def test_paper_is_blank_and_lone_pixels_do_not_change_that() -> None:
    """White, grey, and paper with single dots show nothing."""
    assert is_blank(paper(255))
    assert is_blank(paper(90))
    dotted = paper()
    for number in range(300):
        dotted.putpixel((number * 37 % 827, number * 91 % 1169), 0)
    assert is_blank(dotted)


@pytest.mark.parametrize("ink", [0, 150, 215])
@pytest.mark.parametrize("size", [9, 18])
def test_a_single_word_is_not_blank(ink: int, size: int) -> None:
    """However faint and however small: what is called blank is never looked at again."""
    image = paper()
    ImageDraw.Draw(image).text((400, 500), "No.", fill=ink, font_size=size)
    assert not is_blank(image)


def test_the_thinnest_line_is_not_blank() -> None:
    """On white paper as on a dark ground."""
    for shade, ink in ((250, 0), (10, 255)):
        image = paper(shade)
        ImageDraw.Draw(image).line((100, 100, 100, 400), fill=ink)
        assert not is_blank(image)


def test_dust_is_told_from_a_tick_by_pen() -> None:
    """The back of a sheet has specks; a mark that somebody made is more."""
    dusty, ticked = paper(), paper()
    for number in range(6):
        ImageDraw.Draw(dusty).rectangle((90 + 70 * number, 80 + 90 * number, 91 + 70 * number, 82 + 90 * number), 0)
    ImageDraw.Draw(ticked).line(((400, 500), (410, 515), (435, 480)), fill=40, width=3)
    assert not is_blank(dusty)
    assert is_dust(dusty)
    assert not is_dust(ticked)


def test_filled_fields_are_drawn(tmp_path: Path) -> None:
    """A page that holds nothing but an answer in a form is not blank."""
    catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R]>>>>"
    page = hand.page(b"/Annots[4 0 R]")
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/V(x)/F 4/Rect[100 600 300 700]/AP<</N 5 0 R>>>>"
    drawing = hand.stream(b"0 0 100 50 re f", b"/Type/XObject/Subtype/Form/BBox[0 0 200 100]")
    with open_rendering(write(tmp_path, hand.render_pdf([catalog, hand.PAGES, page, field, drawing]))) as document:
        image = draw_page(document, 0)
    assert image is not None
    assert not is_blank(image)


def test_a_giant_page_is_looked_at_in_small(tmp_path: Path) -> None:
    """The look costs the same whatever the page box says."""
    with open_rendering(write(tmp_path, hand.content_pdf(b"0 0 9 9 re f", box=b"0 0 900000 900000"))) as document:
        image = draw_page(document, 0)
        assert image is not None
        assert max(image.size) <= 2000
        assert read_texts(document) == [""]
