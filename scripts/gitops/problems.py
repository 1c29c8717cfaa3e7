"""What is wrong with a declaration: where, what was found, what to write instead."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Problem:
    file: Path
    """Relative to the checked folder."""
    line: int
    """From 1."""
    found: str
    instead: str = ""
    rule: str = ""
    is_certain: bool = True
    """Else it is a warning: likely wrong, and no reason to stop."""

    def __str__(self) -> str:
        kind = "" if self.is_certain else "warning: "
        return f"{self.file}:{self.line}: {kind}{self.found}" + (f"; {self.instead}" if self.instead else "")


def find_errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Without the warnings."""
    return tuple(problem for problem in problems if problem.is_certain)
