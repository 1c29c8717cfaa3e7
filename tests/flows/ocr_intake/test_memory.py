"""A page is read whole, or not at all: Leptonica goes on where it is refused memory, and says so on standard error."""

from pathlib import Path

import pytest

from scripts.benchmarks.documents import write_long_scan
from shared.budgets import Budget
from shared.outcomes import Reason
from shared.sandbox import Order, Refusal, Sandbox
from shared.workflows import Product

pytestmark = [pytest.mark.slow, pytest.mark.corpus]

LIMITS_MEGABYTES = (20, 30, 35, 40, 45, 50, 60, 80)
PAGES = 10


def test_a_tight_limit_loses_no_words(corpus: Path, tmp_path: Path) -> None:
    """Under whatever limit, the product has all the words, or the document needs more memory."""
    document = tmp_path / "long.pdf"
    write_long_scan(sorted((corpus / "scans").glob("*.pdf")), document, PAGES)
    words: dict[int, int | Reason] = {}
    with Sandbox("flows.ocr_intake.steps", {}) as sandbox:
        for limit in (*LIMITS_MEGABYTES, 1000):
            scratch = tmp_path / str(limit)
            scratch.mkdir()
            order = Order("work", document, scratch, {}, Budget(memory_megabytes=limit))
            answer = sandbox.run(order).answer
            assert isinstance(answer, Product | Refusal)
            words[limit] = answer.reason if isinstance(answer, Refusal) else answer.facts["words"]
    assert words[20] == Reason.OUT_OF_MEMORY
    assert isinstance(words[1000], int)
    assert set(words.values()) == {Reason.OUT_OF_MEMORY, words[1000]}
