"""What is known of each page, from the first look to the facts in the receipt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flows.ocr_intake.readers import Reader
from flows.ocr_intake.recogniser import Reading
from flows.ocr_intake.spot_check import is_shown
from flows.ocr_intake.text_quality import looks_wrong
from shared.verification import draw_page, find_image_share, is_blank, is_dust, open_rendering, read_texts

EMBEDDED, RECOGNISED, BLANK = "embedded", "recognised", "blank"
MOST_OF_A_PAGE = 0.5
PAGES_CHECKED = 3


@dataclass(frozen=True)
class Page:
    """One page, its text, and where the text comes from."""

    number: int
    text: str = ""
    source: str = RECOGNISED
    mean_confidence: float | None = None
    words: int = 0
    suspect: bool = False
    """Its text may not be what it shows: an image fills the page, or the words look wrong."""
    drawable: bool = True
    dust: bool = False
    """Shows so little that, if nothing can be read, there is nothing to read."""

    def to_fact(self) -> dict[str, Any]:
        confidence = None if self.mean_confidence is None else round(self.mean_confidence, 1)
        return {
            "page_number": self.number,
            "words": self.words,
            "mean_confidence": confidence,
            "source": self.source,
        }


def look_at_pages(path: Path) -> list[Page]:
    """Pages with text of their own, blank ones, and those that must be read: only the last two are drawn."""
    pages = []
    with open_rendering(path) as document:
        for number, text in enumerate(read_texts(document), start=1):
            if text:
                suspect = find_image_share(document, number - 1) >= MOST_OF_A_PAGE or looks_wrong(text)
                pages.append(Page(number, text, EMBEDDED, words=len(text.split()), suspect=suspect))
                continue
            image = draw_page(document, number - 1)
            if image is None:
                pages.append(Page(number, drawable=False))
                continue
            source = BLANK if is_blank(image) else RECOGNISED
            pages.append(Page(number, source=source, dust=source == RECOGNISED and is_dust(image)))
    return pages


def find_false_texts(path: Path, pages: Sequence[Page], reader: Reader) -> list[int]:
    """Numbers of suspect pages that show something else than their text; a sample stands for many of them."""
    suspects = [page for page in pages if page.suspect]
    sample = suspects if len(suspects) <= PAGES_CHECKED else [suspects[0], suspects[len(suspects) // 2], suspects[-1]]
    with open_rendering(path) as document:
        false = [page for page in sample if not is_shown(page.text, document, page.number - 1, reader)]
    return [page.number for page in (suspects if false and sample != suspects else false)]


def add_readings(pages: Sequence[Page], readings: Mapping[int, Reading]) -> list[Page]:
    """Pages with what was read on them; `readings` are by page index."""
    return [
        page if (reading := readings.get(page.number - 1)) is None else _add_reading(page, reading) for page in pages
    ]


def _add_reading(page: Page, reading: Reading) -> Page:
    readable = any(character.isalnum() for character in reading.text)
    if page.dust and not readable:
        # Specks read as stops and commas.
        return replace(page, text="", words=0, source=BLANK)
    if not reading.words:
        return replace(page, text="", words=0, source=RECOGNISED)
    return replace(
        page,
        text=reading.text.rstrip("\f\n") + "\n",
        source=RECOGNISED,
        mean_confidence=reading.mean_confidence,
        words=reading.words,
    )


def mean_confidence(pages: Sequence[Page]) -> float | None:
    """Weighted by words, over recognised pages; None where none has words."""
    read = [(page.words, page.mean_confidence) for page in pages if page.mean_confidence is not None]
    words = sum(count for count, _confidence in read)
    return sum(count * confidence for count, confidence in read) / words if words else None


def write_text(pages: Sequence[Page], target: Path) -> None:
    """One page after the other, a form feed between two, UTF-8."""
    with target.open("w", encoding="utf-8", errors="replace", newline="\n") as stream:
        stream.write("\f".join(page.text for page in pages))
