"""Both ways to reach Tesseract, against each other and against its own hOCR."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tesserocr
from ocrmypdf.hocrtransform import HocrParser, OcrElement
from PIL import Image

from flows.ocr_intake import steps
from flows.ocr_intake.models import find_data_folder
from flows.ocr_intake.parameters import Recognition
from flows.ocr_intake.readers import ProgramReader, open_reader
from flows.ocr_intake.recogniser import render_text
from flows.ocr_intake.tree import read_tree
from shared.errors import ConfigError
from shared.workflows import Product
from tests.flows.ocr_intake import handwritten as hand

HTML = '<html xmlns="http://www.w3.org/1999/xhtml"><head/><body>{}</body></html>'
needs_program = pytest.mark.skipif(shutil.which("tesseract") is None, reason="there is no program tesseract here")


def parse_hocr(hocr: str) -> OcrElement:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".hocr") as file:
        file.write(HTML.format(hocr))
        file.flush()
        return HocrParser(file.name).parse()


def describe(page: OcrElement) -> list[Any]:
    """All that the text layer is drawn from."""
    return [
        (paragraph.direction, paragraph.language, line.bbox, line.baseline, line.textangle, describe_words(line))
        for paragraph in page.children
        for line in paragraph.children
    ]


def describe_words(line: OcrElement) -> list[Any]:
    return [(word.text, word.bbox, word.confidence) for word in line.children]


def recognise(image: Path) -> tuple[OcrElement, OcrElement, str]:
    """Our tree, the one by way of hOCR, and the text by Tesseract."""
    with Image.open(image) as opened:
        size = opened.size
    folder = f"{find_data_folder()}/"
    with tesserocr.PyTessBaseAPI(path=folder, lang="eng", psm=tesserocr.PSM.AUTO) as reader:
        reader.SetImageFile(str(image))
        reader.SetSourceResolution(300)
        reader.Recognize()
        return read_tree(reader, size, 300.0), parse_hocr(reader.GetHOCRText(0)), reader.GetUTF8Text()


@pytest.mark.parametrize("turned", [None, Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180])
def test_the_tree_is_the_one_by_way_of_hocr(tmp_path: Path, turned: Image.Transpose | None) -> None:
    """Words, boxes, baselines, angles and confidences, upright or not."""
    page = hand.draw_page(hand.SENTENCES * 4)
    image = tmp_path / "page.tif"
    (page.transpose(turned) if turned is not None else page).save(image, dpi=(300, 300))
    ours, by_hocr, text = recognise(image)
    assert describe(ours)
    assert describe(ours) == describe(by_hocr)
    assert render_text(ours).split() == text.split()


@pytest.mark.corpus
def test_real_pages_give_the_same_tree(corpus: Path) -> None:
    """Columns, slopes and specks of pages that nobody here drew."""
    for image in sorted((corpus / "truth").glob("*.tif")):
        ours, by_hocr, text = recognise(image)
        assert describe(ours) == describe(by_hocr), image.name
        assert render_text(ours).split() == text.split(), image.name


def test_an_empty_page_has_no_words(tmp_path: Path) -> None:
    """And no paragraph without a line, nor a line without a word."""
    image = tmp_path / "page.tif"
    Image.new("1", (600, 800), 1).save(image, dpi=(300, 300))
    ours, _by_hocr, _text = recognise(image)
    assert ours.children == []
    assert render_text(ours) == ""


@needs_program
def test_the_program_reads_what_the_library_reads(tmp_path: Path, work: Callable[..., Product]) -> None:
    """The same words, and the receipt says who read them."""
    scan = hand.write_scan(tmp_path / "scan.pdf", hand.draw_page(hand.SENTENCES * 3))
    steps.warm(steps.Parameters(recognition=Recognition.PROGRAM))
    by_program = work(scan, recognition="program")
    text = (tmp_path / "scratch" / "result.txt").read_text()
    assert all(sentence in text for sentence in hand.SENTENCES)
    assert by_program.facts["engines"]["engine.tesseract"].endswith(" program")
    assert "engine.tesseract" in by_program.depends_on


@needs_program
def test_the_program_turns_pages(tmp_path: Path) -> None:
    """It finds the way up as the library does; of an empty page it says nothing."""
    reader = ProgramReader(("eng",), find_data_folder())
    upright = hand.draw_page(hand.SENTENCES * 8)
    for name, page in {
        "lying": upright.transpose(Image.Transpose.ROTATE_90),
        "empty": Image.new("1", (600, 800), 1),
    }.items():
        page.save(tmp_path / f"{name}.tif", dpi=(150, 150))
    assert reader.find_turn(tmp_path / "lying.tif") == 90
    assert reader.find_turn(tmp_path / "empty.tif") == 0


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator reads what to type next."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"apt-get install tesseract-ocr.*recognition=library"):
        open_reader(Recognition.PROGRAM, ("eng",), find_data_folder())


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tesserocr cannot be loaded, the way out is a setting."""
    monkeypatch.setitem(sys.modules, "tesserocr", None)
    with pytest.raises(ConfigError, match="recognition=program"):
        open_reader(Recognition.LIBRARY, ("eng",), find_data_folder())
