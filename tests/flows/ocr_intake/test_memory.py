"""A page is read whole, or not at all: Leptonica goes on where it is refused memory."""

from pathlib import Path

import pytest

from scripts.demo_documents import draw_demo
from shared.budgets import Budget
from shared.outcomes import Reason
from shared.sandbox import Order, Refusal, Sandbox
from shared.workflows import Product

LIMITS_MEGABYTES = (10, 20, 25, 30, 35, 40, 45, 50, 60, 80, 400)


@pytest.mark.slow
def test_a_tight_limit_loses_no_words(tmp_path: Path) -> None:
    """Under whatever limit, the product has all the words, or the document needs more memory."""
    draw_demo(tmp_path / "in")
    found = {}
    with Sandbox("flows.ocr_intake.steps", {}) as sandbox:
        for limit in LIMITS_MEGABYTES:
            scratch = tmp_path / str(limit)
            scratch.mkdir()
            budget = Budget(memory_megabytes=limit)
            answer = sandbox.run(Order("work", tmp_path / "in/letter.pdf", scratch, {}, budget)).answer
            found[limit] = answer.reason if isinstance(answer, Refusal) else answer
    whole = found[400]
    assert isinstance(whole, Product)
    assert whole.facts["words"] > 100
    assert found[10] == Reason.OUT_OF_MEMORY
    assert {each for each in found.values() if isinstance(each, Reason)} == {Reason.OUT_OF_MEMORY}
    words = {each.facts["words"] for each in found.values() if isinstance(each, Product)}
    assert words == {whole.facts["words"]}
