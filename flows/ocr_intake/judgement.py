"""Done or review, from facts alone: a stored receipt can be judged again under another threshold."""

from collections.abc import Mapping
from typing import Any

from shared.outcomes import Outcome, Reason
from shared.workflows import Judgement

_PAGES_NAMED = 5


def judge_facts(facts: Mapping[str, Any], review_below_confidence: float) -> Judgement:
    if facts.get("cut_off"):
        return Judgement(
            Outcome.REVIEW,
            Reason.TRUNCATED,
            "The end of the file is missing; what could be repaired was converted, and pages may be lost.",
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
            f"Mean word confidence is {mean:.0f}, below {review_below_confidence:g}; scan again at 300 dpi if possible.",
        )
    return Judgement(Outcome.DONE)


def _name_pages(numbers: list[int]) -> str:
    named = ", ".join(str(number) for number in numbers[:_PAGES_NAMED])
    more = f" and {len(numbers) - _PAGES_NAMED} more" if len(numbers) > _PAGES_NAMED else ""
    return f"page{'s' if len(numbers) > 1 else ''} {named}{more}"
