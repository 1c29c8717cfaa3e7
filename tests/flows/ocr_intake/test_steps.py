"""One document through the steps, in this process."""

import json
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from pikepdf.pdfa import validate_written
from PIL import Image

from flows.ocr_intake import steps
from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Outcome, Reason
from shared.verification import check_pdf
from shared.workflows import Job, Product
from tests.flows.ocr_intake import handwritten as hand

Work = Callable[..., Product]


def codes(product: Product) -> set[str]:
    return {finding.code for finding in product.findings}


def read(tmp_path: Path, product: Product) -> str:
    return (tmp_path / "scratch" / product.files["txt"]).read_text(encoding="utf-8")


def judge(product: Product) -> Outcome:
    return steps.judge(json.loads(json.dumps(product.facts)), steps.Parameters()).outcome


def test_a_scan_becomes_searchable(tmp_path: Path, work: Work) -> None:
    """Words are read, stand in the PDF and in the text, and the PDF/A claim is pikepdf's."""
    product = work(hand.write_scan(tmp_path / "scan.pdf", hand.draw_page()))
    result = tmp_path / "scratch" / product.files["pdf"]
    assert "quick brown fox" in read(tmp_path, product)
    assert "quick brown fox" in check_pdf(result, 1)[0].replace("\n", " ")
    assert product.facts["pdfa"] == "2b"
    assert validate_written(result, "2b").passed
    assert judge(product) is Outcome.DONE


def test_pages_stand_apart_in_the_text(tmp_path: Path, work: Work) -> None:
    """One form feed between two pages, a blank one included; facts speak of each."""
    blank = Image.new("L", hand.A4_AT_150_DPI, 255)
    product = work(hand.write_scan(tmp_path / "scan.tif", hand.draw_page(), blank, hand.draw_page()))
    assert [bool(page.strip()) for page in read(tmp_path, product).split("\f")] == [True, False, True]
    assert [page["source"] for page in product.facts["per_page"]] == ["recognised", "blank", "recognised"]
    assert product.facts["pages_blank"] == [2]
    assert product.facts["words"] == sum(page["words"] for page in product.facts["per_page"])
    assert "blank_page" in codes(product)
    assert judge(product) is Outcome.DONE


def test_facts_hold_no_text(tmp_path: Path, work: Work) -> None:
    """Receipts may be shown to whoever must not read the documents."""
    product = work(hand.write_scan(tmp_path / "scan.png", hand.draw_page()))
    told = json.dumps([product.facts, [str(finding) for finding in product.findings]])
    assert "quick" not in told
    assert "brown" not in told


def test_a_page_on_its_side_is_turned_and_read(tmp_path: Path, work: Work) -> None:
    """It reads as well as upright, and readers show it upright."""
    upright = hand.draw_page(hand.SENTENCES * 6)
    product = work(hand.write_scan(tmp_path / "scan.png", upright.transpose(Image.Transpose.ROTATE_90)))
    assert "quick brown fox" in read(tmp_path, product)
    assert "rotate" in product.depends_on
    with pikepdf.open(tmp_path / "scratch" / product.files["pdf"]) as pdf:
        turned = int(pdf.pages[0].obj.get("/Rotate", 0))
    assert (turned == 90) == ("page_turned" in codes(product))


def test_a_born_digital_document_keeps_its_text_and_needs_no_engine(tmp_path: Path, work: Work) -> None:
    """A new language or a new Tesseract gives no reason to do it again."""
    path = tmp_path / "digital.pdf"
    path.write_bytes(hand.text_pdf())
    product = work(path)
    assert read(tmp_path, product).strip() == "Hello from a page"
    assert product.depends_on == ("mode", "pdfa")
    assert product.facts["mean_confidence"] is None


def test_only_pages_without_text_are_read(tmp_path: Path, work: Work) -> None:
    """A scan bound behind a letter is read; the letter is left alone."""
    letter, scan, both = tmp_path / "a.pdf", tmp_path / "b.pdf", tmp_path / "both.pdf"
    letter.write_bytes(hand.text_pdf())
    hand.write_scan(scan, hand.draw_page())
    with pikepdf.open(letter) as pdf, pikepdf.open(scan) as pages:
        pdf.pages.extend(pages.pages)
        pdf.save(both)
    product = work(both)
    assert [page["source"] for page in product.facts["per_page"]] == ["embedded", "recognised"]
    assert {"languages", "engine.tesseract", "engine.model", "engine.ocrmypdf", "mode"} <= set(product.depends_on)


def test_force_reads_what_has_text(tmp_path: Path, work: Work) -> None:
    """Asked to, the workflow draws and reads every page."""
    path = tmp_path / "digital.pdf"
    path.write_bytes(hand.text_pdf())
    product = work(path, mode="force")
    assert product.facts["per_page"][0]["source"] == "recognised"
    assert "Hello from a page" in read(tmp_path, product)


def test_redo_replaces_a_layer_and_leaves_forms_alone(tmp_path: Path, work: Work) -> None:
    """OCRmyPDF refuses to redo a form, so it is done as if skipping, and says so."""
    path = tmp_path / "form.pdf"
    catalog = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>"
    path.write_bytes(hand.text_pdf(catalog=catalog, extra=[b"<</FT/Tx/T(a)>>"]))
    assert "redo_skipped" in codes(work(path, mode="redo"))


def test_redo_of_a_done_document_gives_the_same_words(tmp_path: Path, work: Work) -> None:
    """The old layer goes, and the new one comes in its place, not beside it."""
    first = work(hand.write_scan(tmp_path / "scan.pdf", hand.draw_page()))
    done = tmp_path / "done.pdf"
    (tmp_path / "scratch" / first.files["pdf"]).rename(done)
    (tmp_path / "scratch").rename(tmp_path / "before")
    again = work(done, mode="redo")
    assert again.facts["words"] == first.facts["words"]
    assert again.facts["per_page"][0]["source"] == "recognised"


@pytest.mark.parametrize("content", [hand.signed_pdf(), hand.attachment_pdf(b"factur-x.xml")])
@pytest.mark.parametrize("mode", ["skip", "force"])
def test_signed_documents_and_invoices_keep_every_byte(tmp_path: Path, work: Work, content: bytes, mode: str) -> None:
    """Whatever is asked for, the original is the output; its text comes beside it."""
    path = tmp_path / "original.pdf"
    path.write_bytes(content)
    product = work(path, mode=mode)
    assert (tmp_path / "scratch" / product.files["pdf"]).read_bytes() == content
    assert product.facts["kept_original"] is True
    assert product.depends_on == ()
    assert read(tmp_path, product).strip() == "Hello from a page"


def test_ink_without_words_goes_to_review(tmp_path: Path, work: Work) -> None:
    """There is something on the page, and nobody knows what."""
    image = Image.new("L", hand.A4_AT_150_DPI, 255)
    image.paste(0, (300, 300, 900, 900))
    product = work(hand.write_scan(tmp_path / "drawing.png", image))
    judgement = steps.judge(product.facts, steps.Parameters())
    assert (judgement.outcome, judgement.reason) == (Outcome.REVIEW, Reason.TEXT_MISSING)


def test_lost_content_is_not_a_blank_page(tmp_path: Path, work: Work) -> None:
    """A page that draws blank because its content does not decode goes to review."""
    path = tmp_path / "damaged.pdf"
    path.write_bytes(hand.content_pdf(b"this is not deflate", b"/Filter/FlateDecode"))
    product = work(path)
    judgement = steps.judge(product.facts, steps.Parameters())
    assert (judgement.outcome, judgement.reason) == (Outcome.REVIEW, Reason.DAMAGED)


def test_text_that_maps_to_no_characters_is_read_from_the_page(tmp_path: Path, work: Work) -> None:
    """Readers extract nothing from such a font, although its words stand on the page."""
    unmapped = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 6 0 R>>"
    table = b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange "
    table += b"1 beginbfrange <00> <FF> <E000> endbfrange endcmap end"
    objects = [hand.CATALOG, hand.PAGES, hand.page(), hand.stream(hand.HELLO), unmapped, hand.stream(table)]
    path = tmp_path / "unmapped.pdf"
    path.write_bytes(hand.render_pdf(objects))
    product = work(path)
    assert product.facts["per_page"][0]["source"] == "recognised"
    assert "Hello from a page" in read(tmp_path, product)
    assert "Hello" in check_pdf(tmp_path / "scratch" / product.files["pdf"], 1)[0]


def test_a_plain_pdf_claims_nothing(tmp_path: Path, work: Work) -> None:
    """Fonts that are not embedded cannot be archived, and a claim in the input's metadata does not survive."""
    source, claiming = tmp_path / "source.pdf", tmp_path / "claiming.pdf"
    source.write_bytes(hand.text_pdf())
    with pikepdf.open(source) as pdf:
        with pdf.open_metadata() as metadata:
            metadata["pdfaid:part"], metadata["pdfaid:conformance"] = "2", "B"
        pdf.save(claiming)
    product = work(claiming)
    assert product.facts["pdfa"] is None
    assert "pdfa_not_claimed" in codes(product)
    with pikepdf.open(tmp_path / "scratch" / product.files["pdf"]) as pdf, pdf.open_metadata() as metadata:
        assert not metadata.pdfa_status


@pytest.mark.parametrize("level", ["1b", "3b", "none"])
def test_the_level_is_the_one_asked_for(tmp_path: Path, work: Work, level: str) -> None:
    """Every level that the form offers can be had."""
    product = work(hand.write_scan(tmp_path / "scan.pdf", hand.draw_page()), pdfa=level)
    assert product.facts["pdfa"] == (None if level == "none" else level)


def test_a_giant_page_is_refused_before_it_is_drawn(tmp_path: Path, work: Work) -> None:
    """Page boxes are believed only as far as the pixels that they would cost."""
    path = tmp_path / "giant.pdf"
    path.write_bytes(hand.content_pdf(b"0 0 5000 5000 re f", box=b"0 0 14400 14400"))
    with pytest.raises(DocumentError) as refusal:
        work(path)
    assert (refusal.value.reason, refusal.value.depends_on) == (Reason.TOO_BIG, ("budget.max_megapixels",))


def test_pages_are_announced_as_soon_as_they_are_known(tmp_path: Path) -> None:
    """The budget grows with them before the work starts."""
    announced: list[int] = []
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    scan = hand.write_scan(tmp_path / "scan.tif", hand.draw_page(), hand.draw_page())
    inspection = steps.inspect(Job(scan, scratch, steps.Parameters(), Budget(), announced.append))
    assert announced == [2]
    assert (inspection.kind, inspection.pages, inspection.pages_to_recognise) == ("tiff", 2, 2)
    assert steps.forecast(inspection).core_seconds > steps.forecast(inspection).core_seconds / 2 > 0


def test_one_document_does_not_colour_the_next(tmp_path: Path, work: Work) -> None:
    """Readings are forgotten: a blank document after a full one is blank."""
    work(hand.write_scan(tmp_path / "full.png", hand.draw_page()))
    (tmp_path / "scratch").rename(tmp_path / "before")
    product = work(hand.write_scan(tmp_path / "blank.png", Image.new("L", hand.A4_AT_150_DPI, 255)))
    assert product.facts["words"] == 0


def test_a_page_that_cannot_be_converted_leaves_the_document_as_it_was(tmp_path: Path, work: Work) -> None:
    """OCRmyPDF gives up on a graphics stack this deep; a person gets the document, and is told."""
    path = tmp_path / "deep.pdf"
    path.write_bytes(hand.content_pdf(b"q " * 20_000 + b"100 100 200 200 re f"))
    product = work(path)
    assert "not_recognised" in codes(product)
    assert steps.judge(product.facts, steps.Parameters()).reason is Reason.TEXT_MISSING
    assert check_pdf(tmp_path / "scratch" / product.files["pdf"], 1) == [""]
