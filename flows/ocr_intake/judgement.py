"""Done or review, from facts alone: a stored receipt can be judged again under another threshold."""

from collections.abc import Mapping
from typing import Any

from shared.outcomes import Outcome, Reason
from shared.workflows import Judgement

WORST_PAGE_MARGIN = 15
"""How far below the threshold for the document one page may be: pages vary, and a mean hides a lost one."""
WORDS_TO_JUDGE_BY = 5
"""Fewer words, such as a stamp or dust read as letters, say nothing about a page."""
_PAGES_NAMED = 5


def judge_facts(facts: Mapping[str, Any], review_below_confidence: float) -> Judgement:
    if facts.get("cut_off"):
        return Judgement(
            Outcome.REVIEW,
            Reason.TRUNCATED,
            "The end of the file is missing; what could be repaired was converted, and pages may be lost.",
        )
    if damaged := facts["pages_damaged"]:
        return Judgement(
            Outcome.REVIEW,
            Reason.DAMAGED,
            f"The content of {_name_pages(damaged)} is damaged and was lost in part or whole; ask for an intact copy.",
        )
    if missing := facts["pages_without_text"]:
        return Judgement(
            Outcome.REVIEW,
            Reason.TEXT_MISSING,
            f"There is something on {_name_pages(missing)}, and no words could be read there.",
        )
    mean = facts["mean_confidence"]
    if mean is not None and mean < review_below_confidence:
        return Judgement(
            Outcome.REVIEW,
            Reason.LOW_CONFIDENCE,
            f"Mean word confidence is {mean:.0f}, below {review_below_confidence:g}; scan again at 300 dpi.",
        )
    if bad := _find_bad_pages(facts, review_below_confidence - WORST_PAGE_MARGIN):
        return Judgement(
            Outcome.REVIEW,
            Reason.LOW_CONFIDENCE,
            f"Word confidence on {_name_pages(bad)} is below {review_below_confidence - WORST_PAGE_MARGIN:g}, "
            "although the document as a whole reads well; scan it again.",
        )
    return Judgement(Outcome.DONE)


def _find_bad_pages(facts: Mapping[str, Any], limit: float) -> list[int]:
    return [
        page["page_number"]
        for page in facts["per_page"]
        if page["mean_confidence"] is not None
        and page["words"] >= WORDS_TO_JUDGE_BY
        and page["mean_confidence"] < limit
    ]


def _name_pages(numbers: list[int]) -> str:
    named = ", ".join(str(number) for number in numbers[:_PAGES_NAMED])
    more = f" and {len(numbers) - _PAGES_NAMED} more" if len(numbers) > _PAGES_NAMED else ""
    return f"page{'s' if len(numbers) > 1 else ''} {named}{more}"
