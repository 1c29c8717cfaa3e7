"""Durations as people write them in a declaration."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

UNITS = {"s": "seconds", "min": "minutes", "h": "hours", "d": "days"}
PATTERN = re.compile(r"(\d+) ?(s|min|h|d)")


def parse_duration(text: object) -> timedelta:
    """`90min`, `24h`, `7d`, `30s`. ValueError says what to write."""
    if isinstance(text, timedelta):
        return text
    found = PATTERN.fullmatch(str(text).strip())
    if found is None or not int(found[1]):
        raise ValueError(f"{text!r} is no duration; write a number and s, min, h or d, as 24h")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def render_duration(duration: timedelta) -> str:
    """Two units at most, rounded down: `3 d 4 h`, `1 h 30 min`, `45 s`."""
    left, parts = int(duration.total_seconds()), []
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
