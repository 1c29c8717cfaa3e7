"""One document on its way: looked at, converted, archived, verified."""

import filecmp
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image

from flows.ocr_intake.archive import archive
from flows.ocr_intake.conversion import convert, typed_errors
from flows.ocr_intake.engines import Engines, load_engines
from flows.ocr_intake.images import survey_image, write_pdf
from flows.ocr_intake.pages import BLANK, RECOGNISED, Page, add_readings, look_at_pages, mean_confidence, write_text
from flows.ocr_intake.parameters import Mode, Parameters, Rotate
from shared.errors import DocumentError
from shared.outcomes import Finding, Reason
from shared.preflight import Kind, PdfSurvey, find_kind, open_pdf, survey_pdf
from shared.preflight.bombs import MEGABYTE
from shared.preflight.damage import is_content_intact, is_damaged
from shared.verification import check_pdf
from shared.workflows import Inspection, Job, Product

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
            return [page.number - 1 for page in self.pages if page.source == RECOGNISED]
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
    parameters = _parameters(job)
    with typed_errors():
        survey = survey_pdf(job.document, job.budget)
    job.announce_pages(survey.pages)
    source = job.scratch / "source.pdf"
    _save_repaired(job, source)
    with typed_errors():
        pages = look_at_pages(source)
    if len(pages) != survey.pages:
        raise DocumentError(
            Reason.DAMAGED,
            f"Two readers disagree about the pages of the document ({survey.pages} and {len(pages)}); "
            "ask for an intact copy.",
        )
    mode, findings = parameters.mode, list(survey.findings)
    if survey.keep_original and mode is not Mode.SKIP:
        mode = Mode.SKIP
    if mode is Mode.REDO and any(finding.code in {"form", "xfa"} for finding in findings):
        mode = Mode.SKIP
        findings.append(Finding("redo_skipped", "OCRmyPDF replaces no OCR layer in a document with a form"))
    damaged = _find_damaged(source, pages)
    findings += [Finding("content_damaged", page_number=number) for number in damaged]
    look = Look(Kind.PDF, source, pages, mode, 0.0, survey, damaged, findings)
    look.megapixels = MEGAPIXELS_OF_A_PAGE * len(look.page_indexes)
    return look


def _find_damaged(source: Path, pages: list[Page]) -> list[int]:
    with pikepdf.open(source, suppress_warnings=True) as pdf:
        return [
            page.number
            for page, leaf in zip(pages, pdf.pages, strict=True)
            if (is_damaged(leaf) if page.source == BLANK else not is_content_intact(leaf.obj))
        ]


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
    findings = write_pdf(job.document, source, job.scratch, kind, _parameters(job).assume_dpi)
    with typed_errors():
        pages = look_at_pages(source)
    return Look(kind, source, pages, Mode.SKIP, megapixels, findings=findings)


def produce(look: Look, job: Job) -> Product:
    """Raises DocumentError."""
    parameters = _parameters(job)
    engines = load_engines(tuple(parameters.languages))
    recognised = _recognise(look, job, engines)
    pages = add_readings(look.pages, engines.recogniser.readings)
    target = job.scratch / "result.pdf"
    if look.keep_original:
        level, findings = None, _copy_original(job.document, target)
    else:
        with typed_errors():
            level, findings = archive(recognised, target, parameters.pdfa.value)
        texts = check_pdf(target, len(pages))
        if look.mode is Mode.REDO:
            pages = [_merge_text(page, text) for page, text in zip(pages, texts, strict=True)]
        _check_text_layer(pages, texts)
    write_text(pages, job.scratch / "result.txt")
    found = [*look.findings, *findings, *_describe_pages(pages, engines)]
    return Product(
        files={"pdf": target.name, "txt": "result.txt"},
        facts=_facts(look, pages, level, engines),
        findings=tuple(sorted(found, key=lambda finding: (finding.page_number or 0, finding.code))),
        depends_on=_depends_on(look, engines, found),
    )


def _copy_original(document: Path, target: Path) -> list[Finding]:
    """The same bytes, damaged or not, so that readers find what they found before. Raises DocumentError."""
    shutil.copyfile(document, target)
    if not filecmp.cmp(document, target, shallow=False):
        raise DocumentError(Reason.OUTPUT_INVALID, "The document changed while it was copied; run it again.")
    return [Finding("kept_original", "the output is a copy of the input, byte by byte")]


def _recognise(look: Look, job: Job, engines: Engines) -> Path:
    """The PDF with its text layer; the source itself where no page had to be read."""
    may_turn = _parameters(job).rotate is Rotate.AUTO
    engines.recogniser.begin(may_turn=may_turn, max_pixels=job.budget.max_megapixels * MEGABYTE)
    if not look.page_indexes:
        return look.source
    target = job.scratch / "recognised.pdf"
    indexes = look.page_indexes if look.mode is Mode.SKIP else None
    convert(look.source, target, engines.manager, mode=look.mode.value, page_indexes=indexes)
    turns = {
        index: reading.turned_degrees
        for index, reading in engines.recogniser.readings.items()
        if reading.turned_degrees
    }
    if turns:
        upright = job.scratch / "upright.pdf"
        _turn_pages(look.source, upright, turns)
        convert(upright, target, engines.manager, mode=look.mode.value, page_indexes=indexes)
    return target


def _turn_pages(source: Path, target: Path, turns: dict[int, int]) -> None:
    with pikepdf.open(source) as pdf:
        for index, degrees in turns.items():
            pdf.pages[index].rotate(degrees, relative=True)
        pdf.save(target)


def _merge_text(page: Page, text: str) -> Page:
    """After `redo`, a page holds visible text and recognised text: readers see both."""
    return Page(page.number, text, page.source, page.mean_confidence, len(text.split()))


def _check_text_layer(pages: list[Page], texts: list[str]) -> None:
    lost = [
        page.number
        for page, text in zip(pages, texts, strict=True)
        # Dust read as a stroke may have no glyph; letters and digits have.
        if not text and any(character.isalnum() for character in page.text)
    ]
    if lost:
        raise DocumentError(
            Reason.OUTPUT_INVALID,
            f"The text of page {lost[0]} was read but did not arrive in the result; the original is untouched.",
        )


def _describe_pages(pages: list[Page], engines: Engines) -> list[Finding]:
    found = [Finding("blank_page", page_number=page.number) for page in pages if page.source == BLANK]
    found += [
        Finding("page_turned", f"{reading.turned_degrees} degrees clockwise", index + 1)
        for index, reading in engines.recogniser.readings.items()
        if reading.turned_degrees
    ]
    return found


def _facts(look: Look, pages: list[Page], level: str | None, engines: Engines) -> dict[str, Any]:
    mean = mean_confidence(pages)
    return {
        "kind": look.kind.value,
        "pages": len(pages),
        "words": sum(page.words for page in pages),
        "mean_confidence": None if mean is None else round(mean, 1),
        "per_page": [page.to_fact() for page in pages],
        "pages_without_text": [page.number for page in pages if page.source == RECOGNISED and not page.words],
        "pages_blank": [page.number for page in pages if page.source == BLANK],
        "pages_damaged": look.damaged,
        "pdfa": level,
        "kept_original": look.keep_original,
        "cut_off": look.survey is not None and look.survey.cut_off,
        "engines": dict(engines.versions),
    }


def _depends_on(look: Look, engines: Engines, findings: list[Finding]) -> tuple[str, ...]:
    names = {"mode"} if look.kind is Kind.PDF and not look.keep_original else set()
    if not look.keep_original:
        names.add("pdfa")
    if look.page_indexes:
        names |= {"languages", "engine.tesseract", "engine.model", "engine.ocrmypdf"}
    if engines.recogniser.doubtful:
        names.add("rotate")
    if any(finding.code == "dpi_assumed" for finding in findings):
        names.add("assume_dpi")
    return tuple(sorted(names))


def _parameters(job: Job) -> Parameters:
    assert isinstance(job.parameters, Parameters)
    return job.parameters
