"""One look at a whole PDF: refusals first, then what its pages hold."""

from dataclasses import dataclass
from pathlib import Path

import pikepdf

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Finding, Reason
from shared.preflight.content import ContentCost, find_contents
from shared.preflight.features import Features
from shared.preflight.opening import is_cut_off, open_pdf
from shared.preflight.streams import READ_ERRORS, check_filters, check_stream, read_name

__all__ = ["PdfSurvey", "open_pdf", "survey_pdf"]


@dataclass(frozen=True)
class PdfSurvey:
    """A PDF that may be worked on."""

    pages: int
    signed: bool
    invoice: str | None
    """File name of the embedded invoice."""
    restricted: bool
    """Encrypted, yet open to everyone: the owner's restrictions are all that the encryption carries."""
    repaired: bool
    cut_off: bool
    """Repaired after its end was lost: pages may be missing that nobody can count."""
    findings: tuple[Finding, ...]

    @property
    def keep_original(self) -> bool:
        return self.signed or self.invoice is not None or self.restricted


def survey_pdf(path: Path, budget: Budget) -> PdfSurvey:
    """Raises DocumentError for every reason that can be known without drawing a page."""
    with open_pdf(path, budget) as pdf:
        features = _check_objects(pdf, budget)
        _check_pages(pdf, budget)
        _check_xfa(pdf)
        # qpdf warns about much that harms nobody; only what it had to rebuild or drop is a repair.
        repaired = bool(pdf.get_warnings())
        cut_off = repaired and is_cut_off(path)
        return PdfSurvey(
            pages=len(pdf.pages),
            signed=features.signed,
            invoice=features.invoice,
            restricted=pdf.is_encrypted,
            repaired=repaired,
            cut_off=cut_off,
            findings=tuple(_find_findings(pdf, features, repaired=repaired, cut_off=cut_off)),
        )


def _check_objects(pdf: pikepdf.Pdf, budget: Budget) -> Features:
    features = Features()
    if isinstance(pdf.Root, pikepdf.Dictionary):
        features.note(pdf.Root)
    for item in pdf.objects:
        try:
            if isinstance(item, pikepdf.Stream):
                # Nobody unpacks an attachment to draw a page.
                if read_name(item.get("/Type")) != "/EmbeddedFile":
                    check_stream(item, budget)
            elif isinstance(item, pikepdf.Dictionary):
                features.note(item)
        except READ_ERRORS:
            # Damage in one object need not touch a page.
            continue
    return features


def _check_pages(pdf: pikepdf.Pdf, budget: Budget) -> None:
    cost = ContentCost(budget)
    for page in pdf.pages:
        for stream in find_contents(page.obj):
            check_filters(stream)
            check_stream(stream, budget)
        cost.check_page(page.obj)


def _check_xfa(pdf: pikepdf.Pdf) -> None:
    # Without NeedsRendering the pages show the form as it was saved, and can be worked on.
    if pdf.Root.get_bool(pikepdf.Name.NeedsRendering, default=False, coerce=True):
        raise DocumentError(
            Reason.XFA_FORM,
            "The document is a dynamic XFA form, whose pages only Adobe Reader can build; print it to a new PDF.",
        )


def _find_findings(pdf: pikepdf.Pdf, features: Features, *, repaired: bool, cut_off: bool) -> list[Finding]:
    found = features.findings()
    form = pdf.Root.get("/AcroForm")
    if isinstance(form, pikepdf.Dictionary) and "/XFA" in form:
        found.append(Finding("xfa", "carries XFA data beside its pages"))
    if pdf.is_encrypted:
        found.append(Finding("restricted", "opens without a password, with restrictions; the original bytes are kept"))
    if repaired:
        found.append(Finding("repaired", "the structure was damaged and could be repaired"))
    if cut_off:
        found.append(Finding("cut_off", "the end of the file is missing"))
    return found
