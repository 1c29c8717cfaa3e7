"""What the document runner asks of a workflow's `steps.py`, and the values that cross between them.

A workflow `flows/<name>/steps.py` offers, as module-level names, what `Steps` lists. All of it but `judge` runs in a
forked child or, for `warm`, in the server that is forked; none of it runs in the process that talks to Prefect.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel

from shared.budgets import Budget
from shared.outcomes import Finding, Outcome, Reason

JSON = Any
"""A value that `json` can write and read back equal."""


@dataclass(frozen=True)
class Job:
    """One document to work on: an absolute path to read, an empty folder to write into, and the rules."""

    document: Path
    scratch: Path
    parameters: BaseModel
    budget: Budget
    announce_pages: Callable[[int], None] = lambda _pages: None
    """Call once the page count is known: from then on the CPU budget grows with it."""
    take_core: Callable[[], int | None] = lambda: None
    """A descriptor that lends a further core of the host until its last copy is closed; None while all are busy."""


@dataclass(frozen=True)
class Inspection:
    """What a look at a document says without doing its work: enough for a forecast."""

    kind: str
    """`pdf`, `tiff`, `png` or `jpeg`, by content."""
    pages: int
    pages_to_recognise: int
    megapixels_to_recognise: float
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Product:
    """What the work on one document left in the scratch folder, verified, and what is to be known about it."""

    files: Mapping[str, str]
    """Role -> file name in the scratch folder. Role is `pdf` or a plain suffix such as `txt`."""
    facts: Mapping[str, JSON]
    """The receipt's body: `pages` and `words` (int) at least."""
    findings: tuple[Finding, ...] = ()
    depends_on: tuple[str, ...] = ()
    """Parameters and engines (`"engine.tesseract"`) that this result depends on; a change of any other keeps it."""


@dataclass(frozen=True)
class Judgement:
    """The outcome that a product deserves; `found` is a sentence for a person."""

    outcome: Outcome
    reason: Reason | None = None
    found: str = ""


@dataclass(frozen=True)
class Forecast:
    """What the work is expected to cost, from a model measured on real pages."""

    core_seconds: float
    notes: tuple[str, ...] = field(default=())


class Steps(Protocol):
    """The names that a workflow's `steps` module must offer."""

    Parameters: type[BaseModel]
    """Frozen pydantic model of what the workflow's user may choose, but for source, destination and budget."""
    RESULT_REVISION: int
    """Raised by hand when the same input and parameters should give a better result than before."""

    def warm(self, parameters: BaseModel) -> Mapping[str, str]:
        """Import and load what every child shares, start no thread; returns `engine.<name>` -> version."""

    def inspect(self, job: Job) -> Inspection:
        """Look at the document. Raises DocumentError where `work` would refuse it before starting."""

    def forecast(self, inspection: Inspection) -> Forecast:
        """Pure."""

    def work(self, job: Job) -> Product:
        """Do the work and verify it. Raises DocumentError."""

    def judge(self, facts: Mapping[str, JSON], parameters: BaseModel) -> Judgement:
        """Pure: done or review. Runs again on a stored receipt when only thresholds changed."""
