"""One document on its way from the first look: converted, archived, verified."""

import filecmp
import shutil
from pathlib import Path
from typing import Any

import pikepdf
from ocrmypdf._graft import strip_invisible_text

from flows.ocr_intake.archive import archive
from flows.ocr_intake.conversion import convert, typed_errors
from flows.ocr_intake.engines import Engines, load_engines
from flows.ocr_intake.look import Look, parameters_of
from flows.ocr_intake.pages import BLANK, RECOGNISED, Page, add_readings, mean_confidence, write_text
from flows.ocr_intake.parameters import Mode, Rotate
from shared.errors import DocumentError, TransientError
from shared.outcomes import Finding, Reason
from shared.preflight import Kind
from shared.preflight.bombs import MEGABYTE
from shared.verification import check_pdf
from shared.workflows import Job, Product

NOT_CONVERTIBLE = frozenset({Reason.DAMAGED, Reason.UNSUPPORTED_FILTER, Reason.IMAGE_UNSUPPORTED})
"""Refusals by OCRmyPDF that say nothing against the document as it is."""


def produce(look: Look, job: Job) -> Product:
    """Raises DocumentError."""
    parameters = parameters_of(job)
    engines = load_engines(tuple(parameters.languages), parameters.recognition)
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
    """The same bytes, damaged or not, so that readers find what they found before. Raises TransientError."""
    shutil.copyfile(document, target)
    if not filecmp.cmp(document, target, shallow=False):
        raise TransientError(f"{document.name} changed while it was copied")
    return [Finding("kept_original", "the output is a copy of the input, byte by byte")]


def _recognise(look: Look, job: Job, engines: Engines) -> Path:
    """The PDF with its text layer; the source itself where no page had to be read, or none could be."""
    may_turn = parameters_of(job).rotate is Rotate.AUTO
    engines.recogniser.begin(may_turn=may_turn, max_pixels=job.budget.max_megapixels * MEGABYTE)
    engines.executor.take_core = job.take_core
    engines.executor.memory_bytes = job.budget.memory_megabytes * MEGABYTE
    if not look.page_indexes:
        return look.source
    try:
        return _convert_upright(look, job.scratch, engines)
    except DocumentError as error:
        if look.mode is not Mode.SKIP or error.reason not in NOT_CONVERTIBLE:
            raise
        # The document is sound enough to be handed over; that its pages were not read is for a person to see.
        look.findings.append(Finding("not_recognised", error.found))
        engines.recogniser.begin(may_turn=False, max_pixels=0)
        return look.source


def _convert_upright(look: Look, scratch: Path, engines: Engines) -> Path:
    target = scratch / "recognised.pdf"
    if look.replaced:
        _strip_layers(look.source, look.replaced)
    indexes = look.page_indexes if look.mode is Mode.SKIP else None
    convert(look.source, target, engines.manager, mode=look.mode.value, page_indexes=indexes)
    # Readings are kept: the second pass reads nothing that the first has read.
    if turns := dict(engines.recogniser.turns):
        upright = scratch / "upright.pdf"
        _turn_pages(look.source, upright, turns)
        convert(upright, target, engines.manager, mode=look.mode.value, page_indexes=indexes)
    return target


def _strip_layers(source: Path, page_numbers: list[int]) -> None:
    """Takes invisible text away; what is visible stays, whatever it says."""
    with typed_errors(), pikepdf.open(source, allow_overwriting_input=True) as pdf:
        for number in page_numbers:
            strip_invisible_text(pdf, pdf.pages[number - 1])
        pdf.save(source)


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
        Finding("page_turned", f"{degrees} degrees clockwise", index + 1)
        for index, degrees in engines.recogniser.turns.items()
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
    if any(page.suspect for page in look.pages) or look.replaced:
        names |= {"languages", "engine.tesseract", "engine.model"}
    if engines.recogniser.has_doubts:
        names.add("rotate")
    if any(finding.code == "dpi_assumed" for finding in findings):
        names.add("assume_dpi")
    return tuple(sorted(names))
