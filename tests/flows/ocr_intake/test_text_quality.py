"""When a page's own text is good enough, and when the page is read."""

import codecs
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from flows.ocr_intake.text_quality import is_garbage, looks_wrong
from shared.verification import check_pdf
from shared.workflows import Product
from tests.flows.ocr_intake import handwritten as hand

Work = Callable[..., Product]

LINES = (
    *hand.SENTENCES,
    "Delivered on Tuesday to the warehouse behind the station.",
    "Signed by the clerk on duty.",
) * 2
TEXT = "\n".join(LINES)
SHIFTED = codecs.encode(TEXT, "rot13")
OTHER = "\n".join(
    ["Minutes of the garden committee, seventh meeting since winter, chaired by nobody in particular."] * 9
)


def add_layer(source: Path, target: Path, text: str, rendering_mode: int = 3) -> Path:
    """Text of its own for the first page: invisible, as recognition leaves it, unless another mode is asked for."""
    with pikepdf.open(source) as pdf:
        page = pdf.pages[0]
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        name = str(page.add_resource(font, pikepdf.Name.Font))
        shown = " T* ".join(f"({line}) Tj" for line in text.splitlines())
        content = f"BT {name} 9 Tf 14 TL {rendering_mode} Tr 20 800 Td {shown} ET"
        page.contents_add(content.encode("latin-1"))
        pdf.save(target)
    return target


def scan(tmp_path: Path) -> Path:
    return hand.write_scan(tmp_path / "scan.pdf", hand.draw_page(LINES))


def codes(product: Product) -> set[str]:
    return {finding.code for finding in product.findings}


def sources(product: Product) -> list[str]:
    return [page["source"] for page in product.facts["per_page"]]


def test_a_good_layer_is_kept(tmp_path: Path, work: Work) -> None:
    """What another program read well is not read again."""
    product = work(add_layer(scan(tmp_path), tmp_path / "layered.pdf", TEXT))
    assert sources(product) == ["embedded"]
    assert {"languages", "engine.tesseract"} <= set(product.depends_on)


@pytest.mark.parametrize(
    "layer", [SHIFTED, OTHER, "Filed 2024", "xq zj kvvw qqrt"], ids=["letters", "page", "stamp", "junk"]
)
def test_a_bad_layer_is_replaced(tmp_path: Path, work: Work, layer: str) -> None:
    """Wrong letters, another page's text or next to nothing: the page is read, and the layer goes."""
    product = work(add_layer(scan(tmp_path), tmp_path / "layered.pdf", layer))
    result = tmp_path / "scratch" / product.files["pdf"]
    assert sources(product) == ["recognised"]
    assert "text_replaced" in codes(product)
    assert "warehouse behind the station" in (tmp_path / "scratch" / "result.txt").read_text()
    (text,) = check_pdf(result, 1)
    assert "warehouse behind the station" in text.replace("\n", " ")
    assert layer.splitlines()[0] not in text


def test_a_visible_stamp_stays_where_the_scan_is_read(tmp_path: Path, work: Work) -> None:
    """Only what nobody sees is taken away."""
    product = work(add_layer(scan(tmp_path), tmp_path / "stamped.pdf", "Filed 2024", rendering_mode=0))
    (text,) = check_pdf(tmp_path / "scratch" / product.files["pdf"], 1)
    assert sources(product) == ["recognised"]
    assert "Filed 2024" in text
    assert "warehouse behind the station" in text.replace("\n", " ")


def test_born_digital_text_is_not_checked(tmp_path: Path, work: Work) -> None:
    """Real text on paper needs no recogniser at all."""
    path = tmp_path / "digital.pdf"
    lines = b" T* ".join(b"(%s) Tj" % line.encode() for line in LINES)
    path.write_bytes(hand.text_pdf(b"BT /F 12 Tf 16 TL 72 700 Td %s ET" % lines))
    product = work(path)
    assert sources(product) == ["embedded"]
    assert "engine.tesseract" not in product.depends_on


def test_one_bad_page_of_many_condemns_the_layer(tmp_path: Path, work: Work) -> None:
    """Of a long document a sample is checked, and stands for the rest."""
    layered = add_layer(scan(tmp_path), tmp_path / "layered.pdf", SHIFTED)
    with pikepdf.open(layered) as pdf:
        pdf.pages.extend(pdf.pages[:1] * 4)
        pdf.save(tmp_path / "long.pdf")
    assert sources(work(tmp_path / "long.pdf")) == ["recognised"] * 5


@pytest.mark.parametrize(
    "word", ["strength", "Northgate", "Straße", "schlecht", "rhythm", "Włocławek", "GmbH", "iPhone"]
)
def test_words_are_words(word: str) -> None:
    """In more languages than one; abbreviations are few enough not to matter."""
    assert is_garbage(word) == (word == "GmbH")


@pytest.mark.parametrize("word", ["qvqqz", "krxvh", "VLJKHG", "eeeee", "aIbIcId", "eaioua"])
def test_garbage_is_no_word(word: str) -> None:
    """No vowels, nothing but vowels, letters repeated, capitals in the middle."""
    assert is_garbage(word)


def test_numbers_and_other_scripts_are_not_judged() -> None:
    """A table of figures or a page in Greek is nobody's garbage."""
    assert not looks_wrong("4711-0815 12.30 EUR 7KLV " * 20)
    assert not looks_wrong("Ελληνικά γράμματα χωρίς σφάλμα " * 20)
    assert looks_wrong(SHIFTED * 3)
