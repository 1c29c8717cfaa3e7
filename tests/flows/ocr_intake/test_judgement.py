"""Done or review, from facts alone."""

from typing import Any

import pytest

from flows.ocr_intake import steps
from shared.outcomes import Outcome, Reason


def facts(*pages: tuple[int, float | None], **more: Any) -> dict[str, Any]:
    read = [(words, confidence) for words, confidence in pages if confidence is not None]
    words = sum(count for count, _confidence in read)
    return {
        "pages_damaged": [],
        "pages_without_text": [],
        "mean_confidence": sum(count * confidence for count, confidence in read) / words if words else None,
        "per_page": [
            {"page_number": number, "words": count, "mean_confidence": confidence}
            for number, (count, confidence) in enumerate(pages, start=1)
        ],
    } | more


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (facts((100, 90.0)), None),
        (facts((100, None)), None),
        (facts(), None),
        (facts((100, 74.9)), Reason.LOW_CONFIDENCE),
        (facts((900, 95.0), (100, 59.0)), Reason.LOW_CONFIDENCE),
        (facts((900, 95.0), (100, 61.0)), None),
        (facts((900, 95.0), (4, 10.0)), None),
        (facts((100, 90.0), pages_without_text=[2]), Reason.TEXT_MISSING),
        (facts((100, 90.0), pages_damaged=[2]), Reason.DAMAGED),
        (facts((100, 90.0), cut_off=True), Reason.TRUNCATED),
    ],
)
def test_the_rules(document: dict[str, Any], reason: Reason | None) -> None:
    """One line per rule: the mean, the worst page, pages without words, lost content, a lost end."""
    judgement = steps.judge(document, steps.Parameters())
    assert judgement.reason is reason
    assert judgement.outcome is (Outcome.DONE if reason is None else Outcome.REVIEW)
    assert bool(judgement.found) == (reason is not None)


def test_another_threshold_judges_the_same_facts_anew() -> None:
    """A stored receipt needs no new work."""
    document = facts((100, 60.0))
    assert steps.judge(document, steps.Parameters(review_below_confidence=50)).outcome is Outcome.DONE
    assert steps.judge(document, steps.Parameters(review_below_confidence=0)).outcome is Outcome.DONE


def test_a_long_list_of_pages_is_cut() -> None:
    """The sentence stays a sentence."""
    judgement = steps.judge(facts((1, 90.0), pages_without_text=list(range(1, 100))), steps.Parameters())
    assert "pages 1, 2, 3, 4, 5 and 94 more" in judgement.found
