"""The first look at a document: refusals, and what its pages hold."""

from dataclasses import dataclass, field
from pathlib import Path

import pikepdf
from PIL import Image

from flows.ocr_intake.conversion import typed_errors
from flows.ocr_intake.engines import load_engines
from flows.ocr_intake.images import survey_image, write_pdf
from flows.ocr_intake.pages import BLANK, RECOGNISED, Page, find_false_texts, look_at_pages
from flows.ocr_intake.parameters import Mode, Parameters
from shared.errors import DocumentError
from shared.outcomes import Finding, Reason
from shared.preflight import Kind, PdfSurvey, find_kind, open_pdf, survey_pdf
from shared.preflight.bombs import MEGABYTE
from shared.preflight.damage import is_content_intact, is_damaged
from shared.workflows import Inspection, Job

MEGAPIXELS_OF_A_PAGE = 8.7
"""A4 at 300 dpi."""


@dataclass
class Look:
    """What the first look found: enough for a forecast, and where the work starts."""

    kind: Kind
    source: Path
    """A PDF in scratch that readers can open: repaired, unlocked, or made from an image."""
    pages: list[Page]
    mode: Mode
    megapixels: float
    survey: PdfSurvey | None = None
    replaced: list[int] = field(default_factory=list)
    """Numbers of pages whose text is not what they show: it goes, and they are read."""
    damaged: list[int] = field(default_factory=list)
    """Numbers of pages that show nothing, or not all, because their content does not decode."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def keep_original(self) -> bool:
        return self.survey is not None and self.survey.keep_original

    @property
    def page_indexes(self) -> list[int]:
        """Of the pages to recognise."""
        if self.mode is Mode.SKIP:
            return [page.number - 1 for page in self.pages if page.source == RECOGNISED and page.drawable]
        return [page.number - 1 for page in self.pages]

    @property
    def inspection(self) -> Inspection:
        return Inspection(
            kind=self.kind.value,
            pages=len(self.pages),
            pages_to_recognise=len(self.page_indexes),
            megapixels_to_recognise=self.megapixels,
            findings=tuple(self.findings),
        )


def look_at(job: Job) -> Look:
    """Raises DocumentError for all that can be refused before the work."""
    # Pillow refuses above twice this, by itself and before it decodes.
    Image.MAX_IMAGE_PIXELS = int(job.budget.max_megapixels * MEGABYTE)
    kind = find_kind(job.document, job.budget)
    return _look_at_pdf(job) if kind is Kind.PDF else _look_at_image(job, kind)


def _look_at_pdf(job: Job) -> Look:
    with typed_errors():
        survey = survey_pdf(job.document, job.budget)
    job.announce_pages(survey.pages)
    source = job.scratch / "source.pdf"
    _save_repaired(job, source)
    pages, damaged = _look_at_repaired(source, survey.pages)
    mode, findings = _choose_mode(parameters_of(job).mode, survey)
    findings += [Finding("content_damaged", page_number=number) for number in damaged]
    replaced = _find_false_texts(job, source, pages) if mode is Mode.SKIP and not survey.keep_original else []
    pages = [Page(page.number) if page.number in replaced else page for page in pages]
    findings += [Finding("text_replaced", "its text was not what it shows", number) for number in replaced]
    look = Look(Kind.PDF, source, pages, mode, 0.0, survey, replaced, damaged, findings)
    look.megapixels = MEGAPIXELS_OF_A_PAGE * len(look.page_indexes)
    return look


def _find_false_texts(job: Job, source: Path, pages: list[Page]) -> list[int]:
    if not any(page.suspect for page in pages):
        return []
    parameters = parameters_of(job)
    engines = load_engines(tuple(parameters.languages), parameters.recognition)
    with typed_errors():
        return find_false_texts(source, pages, engines.recogniser.reader)


def _look_at_repaired(source: Path, expected: int) -> tuple[list[Page], list[int]]:
    """The pages, and the numbers of those whose content is damaged."""
    with typed_errors():
        pages = look_at_pages(source)
        if len(pages) == expected:
            return pages, _find_damaged(source, pages)
    raise DocumentError(
        Reason.DAMAGED,
        f"Two readers disagree about the pages of the document ({expected} and {len(pages)}); ask for an intact copy.",
    )


def _choose_mode(wanted: Mode, survey: PdfSurvey) -> tuple[Mode, list[Finding]]:
    """What can be done of what was asked for, and the findings so far."""
    findings = list(survey.findings)
    if survey.keep_original:
        return Mode.SKIP, findings
    if wanted is Mode.REDO and any(finding.code in {"form", "xfa"} for finding in findings):
        findings.append(Finding("redo_skipped", "OCRmyPDF replaces no OCR layer in a document with a form"))
        return Mode.SKIP, findings
    return wanted, findings


def _find_damaged(source: Path, pages: list[Page]) -> list[int]:
    with pikepdf.open(source, suppress_warnings=True) as pdf:
        return [page.number for page, leaf in zip(pages, pdf.pages, strict=True) if _is_page_damaged(page, leaf)]


def _is_page_damaged(page: Page, leaf: pikepdf.Page) -> bool:
    if page.source == BLANK:
        return is_damaged(leaf)
    return not page.drawable or not is_content_intact(leaf.obj)


def _save_repaired(job: Job, target: Path) -> None:
    with typed_errors(), open_pdf(job.document, job.budget) as pdf:
        # qpdf finds a lost catalog, and writes neither it nor the table's size where the trailer had none.
        pdf.trailer["/Root"] = pdf.make_indirect(pdf.Root)
        pdf.trailer["/Size"] = len(pdf.objects) + 1
        pdf.save(target)


def _look_at_image(job: Job, kind: Kind) -> Look:
    count, megapixels = survey_image(job.document, kind, job.budget)
    job.announce_pages(count)
    source = job.scratch / "source.pdf"
    findings = write_pdf(job.document, source, job.scratch, kind, parameters_of(job).assume_dpi)
    with typed_errors():
        pages = look_at_pages(source)
    return Look(kind, source, pages, Mode.SKIP, megapixels, findings=findings)


def parameters_of(job: Job) -> Parameters:
    assert isinstance(job.parameters, Parameters)
    return job.parameters
