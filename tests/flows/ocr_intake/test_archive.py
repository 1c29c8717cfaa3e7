"""PDF/A claims, checked by a validator that shares no code with the one that made them."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest

from flows.ocr_intake.archive import archive
from shared.workflows import Product
from tests.flows.ocr_intake import handwritten as hand

# Debian: default-jre-headless libpdfbox2-java libjaxb-api-java libactivation-java.
JARS = [
    Path("/usr/share/java") / f"{name}.jar"
    for name in (
        "preflight",
        "pdfbox2",
        "xmpbox",
        "fontbox2",
        "commons-logging",
        "commons-io",
        "javax.activation",
        "jaxb-api",
    )
]
needs_apache_preflight = pytest.mark.skipif(
    shutil.which("java") is None or not all(jar.exists() for jar in JARS), reason="Apache Preflight is not installed"
)


def is_valid_1b(path: Path) -> bool:
    classes = ":".join(str(jar) for jar in JARS)
    program = ["java", "-cp", classes, "org.apache.pdfbox.preflight.Validator_A1b", str(path)]
    run = subprocess.run(program, check=False, capture_output=True, text=True)
    return run.returncode == 0 and "is a valid PDF/A-1b" in run.stdout


@needs_apache_preflight
@pytest.mark.slow
def test_apache_preflight_agrees(tmp_path: Path, work: Callable[..., Product]) -> None:
    """A scan published as PDF/A-1b passes, and the same file before conversion does not."""
    scan = hand.write_scan(tmp_path / "scan.pdf", hand.draw_page())
    product = work(scan, pdfa="1b")
    assert product.facts["pdfa"] == "1b"
    assert is_valid_1b(tmp_path / "scratch" / product.files["pdf"])
    assert not is_valid_1b(scan)


@needs_apache_preflight
@pytest.mark.corpus
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_apache_preflight_agrees_on_filings(corpus: Path, tmp_path: Path, work: Callable[..., Product]) -> None:
    """Every filing of a sample that claims the level has it."""
    for number, scan in enumerate(sorted((corpus / "scans").iterdir())[::5]):
        product = work(scan, pdfa="1b")
        assert product.facts["pdfa"] == "1b", scan.name
        assert is_valid_1b(tmp_path / "scratch" / product.files["pdf"]), scan.name
        (tmp_path / "scratch").rename(tmp_path / f"before-{number}")


def test_what_is_denied_says_which_rule(tmp_path: Path) -> None:
    """The first rules that spoke against it, by their numbers, and a file that opens."""
    source, target = tmp_path / "source.pdf", tmp_path / "target.pdf"
    source.write_bytes(hand.text_pdf())
    level, findings = archive(source, target, "2b")
    assert level is None
    assert findings[0].code == "pdfa_not_claimed"
    assert "ISO_19005_2" in findings[0].detail or "pikepdf:" in findings[0].detail
    with pikepdf.open(target) as pdf:
        assert len(pdf.pages) == 1


def test_what_a_claim_costs_is_told(tmp_path: Path, work: Callable[..., Product]) -> None:
    """A hidden note cannot go into an archive file; the receipt says that it went."""
    scan, noted = hand.write_scan(tmp_path / "scan.pdf", hand.draw_page()), tmp_path / "noted.pdf"
    with pikepdf.open(scan) as pdf:
        note = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot, Subtype=pikepdf.Name.Text, Rect=[9, 9, 29, 29], F=2, Contents="hidden"
        )
        pdf.pages[0].obj.Annots = pikepdf.Array([pdf.make_indirect(note)])
        pdf.save(noted)
    product = work(noted)
    assert product.facts["pdfa"] == "2b"
    assert "annotations_removed" in {finding.code for finding in product.findings}
