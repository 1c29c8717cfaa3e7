"""One look at a PDF: what is refused, and what is only worth knowing."""

from pathlib import Path

import pikepdf
import pytest

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight import PdfSurvey, survey_pdf
from tests.flows.ocr_intake import handwritten as hand

LEAF = hand.page(b"")


def survey(tmp_path: Path, content: bytes, budget: Budget | None = None) -> PdfSurvey:
    path = tmp_path / "document.pdf"
    path.write_bytes(content)
    return survey_pdf(path, budget or Budget())


def refusal(tmp_path: Path, content: bytes, budget: Budget | None = None) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        survey(tmp_path, content, budget)
    return caught.value


def codes(found: PdfSurvey) -> list[str]:
    return [finding.code for finding in found.findings]


def test_a_sound_document_has_no_findings(tmp_path: Path) -> None:
    """Nothing is said of a document that needs no word."""
    found = survey(tmp_path, hand.text_pdf())
    assert (found.pages, found.keep_original, found.repaired, codes(found)) == (1, False, False, [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hand.tree_pdf(b"<</Type/Pages/Kids[]/Count 0>>"), Reason.NO_PAGES),
        (hand.tree_pdf(b"<</Type/Pages/Kids[2 0 R]/Count 1>>"), Reason.PAGE_TREE_LOOP),
        (
            hand.tree_pdf(b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"<</Type/Pages/Kids[2 0 R]/Count 1>>"),
            Reason.PAGE_TREE_LOOP,
        ),
        (
            hand.tree_pdf(*(b"<</Type/Pages/Kids[%d 0 R]/Count 1>>" % (n + 3) for n in range(2000)), LEAF),
            Reason.PAGE_TREE_LOOP,
        ),
        (hand.tree_pdf(b"<</Type/Pages/Kids[3 0 R]/Count 1>>", b"[" * 50_000), Reason.NO_PAGES),
        (hand.text_pdf()[:60], Reason.TRUNCATED),
        (b"%PDF-1.4\n", Reason.TRUNCATED),
        (b"%PDF-1.4\nrubbish\n%%EOF\n", Reason.DAMAGED),
        (hand.text_pdf(catalog=b"<</Type/Catalog/Pages 2 0 R/NeedsRendering true>>"), Reason.XFA_FORM),
        (hand.content_pdf(b"x", b"/Filter/HomeMade"), Reason.UNSUPPORTED_FILTER),
        (hand.content_pdf(b"x", b"/Filter/DCTDecode"), Reason.UNSUPPORTED_FILTER),
    ],
)
def test_a_named_defect_gets_its_name(tmp_path: Path, content: bytes, reason: Reason) -> None:
    """What is wrong with the structure is told apart."""
    assert refusal(tmp_path, content).reason is reason


def test_a_tree_that_shares_branches_is_counted_to_the_budget_and_no_further(tmp_path: Path) -> None:
    """Ten branches, ten levels, one leaf: ten thousand million pages are refused at the first above the budget."""
    nodes = [b"<</Type/Pages/Count 1/Kids[%s]>>" % (b"%d 0 R " % (n + 3) * 10) for n in range(10)]
    error = refusal(tmp_path, hand.tree_pdf(*nodes, LEAF))
    assert (error.reason, error.depends_on) == (Reason.TOO_MANY_PAGES, ("budget.max_pages",))
    empty = hand.tree_pdf(*nodes, b"<</Type/Pages/Kids[]/Count 0>>")
    assert refusal(tmp_path, empty).reason is Reason.PAGE_TREE_LOOP


@pytest.mark.parametrize("damage", [(b"startxref\n", b"startxref\n9"), (b"xref\n0", b"xerf\n0"), (b"%%EOF", b"")])
def test_what_can_be_repaired_is_not_refused(tmp_path: Path, damage: tuple[bytes, bytes]) -> None:
    """A broken cross-reference table costs a finding, not the document."""
    found = survey(tmp_path, hand.text_pdf().replace(*damage))
    assert found.pages == 1
    assert not found.cut_off


def test_a_lost_end_is_remembered_after_repair(tmp_path: Path) -> None:
    """Pages may be missing that nobody can count, so the document says that its end is."""
    content = hand.render_pdf([hand.CATALOG, hand.PAGES, hand.page(), hand.stream(hand.HELLO), hand.FONT])
    table = content.index(b"xref\n0")
    with_root = content[:table].replace(b"%PDF-1.7\n", b"%PDF-1.7\ntrailer <</Root 1 0 R>>\n", 1) + b"%" * 3000
    found = survey(tmp_path, with_root)
    assert (found.repaired, found.cut_off) == (True, True)


def encrypt(tmp_path: Path, user: str) -> bytes:
    path = tmp_path / "plain.pdf"
    path.write_bytes(hand.text_pdf())
    locked = tmp_path / "locked.pdf"
    with pikepdf.open(path) as pdf:
        permissions = pikepdf.Permissions(extract=False)
        pdf.save(locked, encryption=pikepdf.Encryption(owner="owner", user=user, allow=permissions))
    return locked.read_bytes()


def test_a_password_is_asked_for(tmp_path: Path) -> None:
    """Without it nothing can be read."""
    assert refusal(tmp_path, encrypt(tmp_path, "secret")).reason is Reason.ENCRYPTED


def test_restrictions_alone_do_not_refuse_a_document(tmp_path: Path) -> None:
    """Whoever has the file can read it; its bytes, and with them the owner's restrictions, stay as they are."""
    found = survey(tmp_path, encrypt(tmp_path, ""))
    assert found.restricted
    assert found.keep_original


@pytest.mark.parametrize("name", [b"factur-x.xml", b"ZUGFeRD-invoice.xml", b"zugferd-invoice.xml", b"XRECHNUNG.XML"])
def test_an_embedded_invoice_keeps_its_original(tmp_path: Path, name: bytes) -> None:
    """Every name that an e-invoice goes by is known, whatever its case."""
    found = survey(tmp_path, hand.attachment_pdf(name))
    assert found.invoice == name.decode().lower()
    assert found.keep_original


def test_a_signature_keeps_its_original_and_an_empty_field_does_not(tmp_path: Path) -> None:
    """A field that waits to be signed protects nothing yet."""
    assert survey(tmp_path, hand.signed_pdf()).signed
    unsigned = (
        hand.signed_pdf().replace(b"/V 7 0 R", b"        ").replace(b"/ByteRange[0 9 9 9]", b"/Other[0 9 9 9]    ")
    )
    found = survey(tmp_path, unsigned)
    assert not found.signed
    assert "form" in codes(found)


@pytest.mark.parametrize(
    ("catalog", "extra", "code"),
    [
        (b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\))>>", b"null", "javascript"),
        (b"/AcroForm<</Fields[6 0 R]/XFA(x)>>", b"<</FT/Tx/T(a)>>", "xfa"),
        (b"", b"<</Type/Annot/Subtype/RichMedia/Rect[0 0 1 1]>>", "media"),
    ],
)
def test_what_else_a_document_carries_is_a_finding(tmp_path: Path, catalog: bytes, extra: bytes, code: str) -> None:
    """Scripts, static XFA data and media change nothing, and are told."""
    found = survey(tmp_path, hand.text_pdf(catalog=b"<</Type/Catalog/Pages 2 0 R%s>>" % catalog, extra=[extra]))
    assert code in codes(found)


def test_attachments_are_counted(tmp_path: Path) -> None:
    """An attachment that is no invoice is a finding and keeps nothing."""
    found = survey(tmp_path, hand.attachment_pdf(b"notes.txt"))
    assert (codes(found), found.keep_original) == (["attachments"], False)


def test_names_that_are_not_utf8_harm_nobody(tmp_path: Path) -> None:
    """Fuzzed files put any byte into a name."""
    content = hand.render_pdf(
        [hand.CATALOG, hand.PAGES, hand.page(), hand.stream(hand.HELLO, b"/Subtype/\xa9\xff "), hand.FONT]
    )
    assert survey(tmp_path, content).pages == 1
    assert refusal(tmp_path, hand.content_pdf(b"x", b"/Filter/\xa9\xff ")).reason is Reason.UNSUPPORTED_FILTER
