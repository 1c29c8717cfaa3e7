"""The demo's scans are the same wherever and whenever they are drawn, and of the kinds that the demo is to show."""

import time
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from scripts.demo_documents import PASSWORD, draw_demo
from scripts.demo_pages import A4, DPI
from shared.budgets import Budget
from shared.documents import digest_file
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight import Kind, find_kind, survey_pdf


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "inbox"
    draw_demo(folder)
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_file(path) for path in files}


def test_every_call_draws_the_same_bytes(inbox: Path, tmp_path: Path) -> None:
    """Two folders hold the same nine files, the encrypted one among them."""
    draw_demo(tmp_path)
    assert digests(tmp_path) == digests(inbox)
    assert len(digests(inbox)) == 9


def test_a_folder_drawn_before_stays_untouched_where_it_is_whole(inbox: Path, tmp_path: Path) -> None:
    """A second call mends a damaged file and leaves the times of the others alone."""
    draw_demo(tmp_path)
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-")
    before = (tmp_path / "form.png").stat().st_mtime_ns
    draw_demo(tmp_path)
    assert (tmp_path / "form.png").stat().st_mtime_ns == before
    assert digests(tmp_path) == digests(inbox)


def test_drawing_takes_seconds(tmp_path: Path) -> None:
    """Nobody waits for the demo's input: it costs less than 5 seconds of CPU."""
    begun = time.process_time()
    draw_demo(tmp_path)
    assert time.process_time() - begun < 5


def test_one_document_comes_twice(inbox: Path) -> None:
    """The invoice lies there under a second name, and no other content is repeated."""
    assert digest_file(inbox / "invoice-2041.pdf") == digest_file(inbox / "scan-0042.pdf")
    assert len(set(digests(inbox).values())) == 8


@pytest.mark.parametrize(
    ("name", "pages"),
    [("invoice-2041.pdf", 1), ("letter.pdf", 1), ("contracts/service-agreement.pdf", 2), ("blank.pdf", 1)],
)
def test_scans_are_plain_pdfs(inbox: Path, name: str, pages: int) -> None:
    """Preflight finds the pages and nothing to remark on."""
    survey = survey_pdf(inbox / name, Budget())
    assert (survey.pages, survey.findings) == (pages, ())


@pytest.mark.parametrize(("name", "kind"), [("delivery-note.tif", Kind.TIFF), ("form.png", Kind.PNG)])
def test_images_say_their_resolution(inbox: Path, name: str, kind: Kind) -> None:
    """They are A4 in black and white, and state 300 dpi."""
    assert find_kind(inbox / name, Budget()) is kind
    with Image.open(inbox / name) as image:
        assert (image.mode, image.size) == ("1", A4)
        assert image.info["dpi"] == pytest.approx((DPI, DPI), rel=0.001)


def test_the_locked_document_asks_for_its_password(inbox: Path) -> None:
    """Without the password it is refused as encrypted; with it, it has one page."""
    with pytest.raises(DocumentError) as refusal:
        survey_pdf(inbox / "salary-statement.pdf", Budget())
    assert refusal.value.reason is Reason.ENCRYPTED
    with pikepdf.open(inbox / "salary-statement.pdf", password=PASSWORD) as pdf:
        assert len(pdf.pages) == 1


def test_the_text_with_the_wrong_name_is_no_document(inbox: Path) -> None:
    """Its suffix says PDF and its content does not."""
    with pytest.raises(DocumentError) as refusal:
        find_kind(inbox / "minutes.pdf", Budget())
    assert refusal.value.reason is Reason.NOT_A_DOCUMENT
