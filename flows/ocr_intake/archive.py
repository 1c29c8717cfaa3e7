"""PDF/A, claimed only where pikepdf's validator approved the bytes that were written."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import pikepdf
from pikepdf import pdfa
from pikepdf.pdfa import PdfaError

from shared.outcomes import Finding

_RULES_NAMED = 3
_CLAIM_KEYS = ("pdfaid:part", "pdfaid:conformance", "pdfaid:amd", "pdfaid:rev")


def archive(source: Path, target: Path, level: str) -> tuple[str | None, list[Finding]]:
    """Writes `target` as PDF/A of the level, or as a plain PDF that claims nothing; returns the level claimed."""
    findings: list[Finding] = []
    if level != "none":
        claimed, findings = _save_pdfa(source, target, level)
        if claimed:
            return level, findings
    _save_plain(source, target)
    return None, findings


def _save_pdfa(source: Path, target: Path, level: str) -> tuple[bool, list[Finding]]:
    """Whether the claim holds, and what it took or what spoke against it."""
    try:
        with pikepdf.open(source, suppress_warnings=True) as pdf:
            report = pdfa.save(pdf, target, level)
    except PdfaError as error:
        rules = Counter(finding.rule for finding in error.report.findings)
        named = ", ".join(rule for rule, _count in rules.most_common(_RULES_NAMED))
        return False, [Finding("pdfa_not_claimed", f"PDF/A-{level} {error.report.verdict}: {named}")]
    except (OSError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - an allowlist validator that trips over a document has not approved it
        return False, [Finding("pdfa_not_claimed", f"PDF/A-{level} could not be written: {type(error).__name__}")]
    return True, _describe_removals(report.prepared)


def _describe_removals(prepared: pdfa.PrepareResult | None) -> list[Finding]:
    """PDF/A allows neither hidden annotations nor scripts; who archives a document is told what went."""
    found = []
    if prepared and prepared.annotations_removed:
        kinds = ", ".join(sorted(prepared.annotations_removed))
        found.append(Finding("annotations_removed", f"{prepared.annotations_removed.total()} hidden: {kinds}"))
    if prepared and prepared.document_javascript_removed:
        found.append(Finding("javascript_removed", "PDF/A allows no scripts"))
    return found


def _save_plain(source: Path, target: Path) -> None:
    with pikepdf.open(source, suppress_warnings=True) as pdf:
        _drop_claim(pdf)
        pdf.save(target, object_stream_mode=pikepdf.ObjectStreamMode.generate)


def _drop_claim(pdf: pikepdf.Pdf) -> None:
    """A claim inherited from the input does not hold for bytes that nobody validated."""
    metadata = pdf.Root.get("/Metadata")
    if not isinstance(metadata, pikepdf.Stream):
        return
    # Metadata that does not parse claims nothing.
    with suppress(ValueError, TypeError, AttributeError, KeyError, pikepdf.PdfError), pdf.open_metadata() as xmp:
        for key in _CLAIM_KEYS:
            if key in xmp:
                del xmp[key]
