"""Documents to measure on, for want of real ones."""

import random
from pathlib import Path

from scripts.demo_documents import CONTRACT, LETTER
from scripts.demo_pages import Sheet, render_pdf

SCANS = 12
MOST_PAGES = 4


def draw_scans(folder: Path) -> Path:
    """A dozen scans of one to four densely written pages, the same ones every time; returns the folder."""
    chance = random.Random(1)  # noqa: S311 - a mixture, not a secret
    paragraphs = [text for _, text in CONTRACT] + list(LETTER[2:-1])
    for number in range(SCANS):
        pages = []
        for page in range(1 + number % MOST_PAGES):
            sheet = Sheet()
            sheet.paragraphs(260, [f"File {number}, page {page + 1}", *chance.sample(paragraphs, 9)])
            pages.append(sheet.scan(seed=100 * number + page))
        (folder / f"file-{number:02}.pdf").write_bytes(render_pdf(pages))
    return folder
