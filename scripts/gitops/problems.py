"""What is wrong with a declaration: where, what was found, what to write instead."""

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

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.found}" + (f"; {self.instead}" if self.instead else "")
