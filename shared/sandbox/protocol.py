"""What crosses between the run's process, the fork server and its children."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from shared.budgets import Budget
from shared.errors import TransientError
from shared.outcomes import Finding, Reason
from shared.workflows import JSON, Inspection, Product

NO_SPACE = os.EX_TEMPFAIL
"""Exit code of a child that had no room left even for its answer."""
ANSWER_FILE = "answer.json"
ANSWER_MAX_BYTES = 64_000_000
"""A receipt of 5,000 pages takes about 1 MB; what is larger than this is no answer."""

Action = Literal["work", "inspect"]


@dataclass(frozen=True)
class Order:
    """One document for one child. `scratch` is an existing, empty folder of its own."""

    action: Action
    document: Path
    scratch: Path
    parameters: dict[str, JSON]
    budget: Budget

    def render(self, number: int) -> str:
        """As one line of JSON; the number comes back with the answer."""
        body = {
            "number": number,
            "action": self.action,
            "document": str(self.document),
            "scratch": str(self.scratch),
            "parameters": self.parameters,
            "budget": self.budget.model_dump(mode="json"),
        }
        return json.dumps(body) + "\n"

    @classmethod
    def parse(cls, line: bytes) -> tuple[int, Order]:
        raw = json.loads(line)
        budget = Budget.model_validate(raw["budget"])
        order = cls(raw["action"], Path(raw["document"]), Path(raw["scratch"]), raw["parameters"], budget)
        return raw["number"], order


@dataclass(frozen=True)
class Refusal:
    """The document is at fault; `depends_on` as in `DocumentError`."""

    reason: Reason
    found: str
    depends_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """What became of one order, and what it cost."""

    answer: Product | Inspection | Refusal
    core_seconds: float
    """User and system CPU of the child and of all its descendants."""
    wall_seconds: float
    peak_bytes: int
    """Highest PSS of the child's group that was seen, or the child's own resident growth where that was larger."""


@dataclass(frozen=True)
class Ending:
    """How a child ended, as the server saw it. `refusal` is set where a budget stopped it."""

    number: int
    exit_code: int
    """Negative: the signal that ended it."""
    core_seconds: float
    wall_seconds: float
    peak_bytes: int
    refusal: Refusal | None = None

    def render(self) -> str:
        return json.dumps({"event": "ended", **asdict(self)}) + "\n"

    @classmethod
    def parse(cls, raw: dict[str, Any]) -> Ending:
        values = {name: value for name, value in raw.items() if name != "event"}
        if values["refusal"]:
            values["refusal"] = _parse_refusal(values["refusal"])
        return cls(**values)


class ChildCrashed(TransientError):  # noqa: N818 - what happened, not a kind of error
    """A child died by a signal that none of us sent, or left without an answer."""

    def __init__(self, detail: str, core_seconds: float = 0.0) -> None:
        super().__init__(detail)
        self.core_seconds = core_seconds


class SandboxLost(TransientError):  # noqa: N818
    """The fork server died; what was in hand has no answer."""


class SandboxClosed(TransientError):  # noqa: N818
    """The sandbox was closed while an order was in hand."""


@dataclass(frozen=True)
class Failure:
    """The child's answer where neither it nor the document is at fault."""

    kind: Literal["transient", "config"]
    message: str


Answer = Product | Inspection | Refusal | Failure


def write_answer(scratch: Path, answer: Answer, **extra: JSON) -> None:
    """`extra` travels beside the answer: the child's own growth, a traceback for the operator's log."""
    body = {"kind": type(answer).__name__, "body": asdict(answer), **extra}
    (scratch / ANSWER_FILE).write_text(json.dumps(body), encoding="utf-8")


def read_answer(scratch: Path) -> tuple[Answer, dict[str, JSON]]:
    """ChildCrashed where there is none, or none that can be understood: the child is not trusted."""
    try:
        raw = json.loads(_read_regular(scratch / ANSWER_FILE))
        return _parse_answer(raw["kind"], raw["body"], scratch), raw
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ChildCrashed(f"it left no answer that can be understood ({type(error).__name__})") from error


def _read_regular(path: Path) -> bytes:
    # A link could lead to any file, and opening a pipe would wait for a writer.
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - a descriptor
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > ANSWER_MAX_BYTES:
            raise ValueError("no regular file, or larger than any answer is")
        return file.read()


def _parse_answer(kind: str, body: dict[str, Any], scratch: Path) -> Answer:
    if kind == "Refusal":
        return _parse_refusal(body)
    if kind == "Failure":
        return Failure(**body)
    body["findings"] = tuple(Finding(**finding) for finding in body["findings"])
    if kind == "Inspection":
        return Inspection(**body)
    if kind != "Product":
        raise ValueError(kind)
    body["depends_on"] = tuple(body["depends_on"])
    for name in body["files"].values():
        _check_plain_file(scratch, name)
    return Product(**body)


def _parse_refusal(raw: dict[str, Any]) -> Refusal:
    return Refusal(Reason(raw["reason"]), raw["found"], tuple(raw["depends_on"]))


def _check_plain_file(scratch: Path, name: str) -> None:
    path = scratch / name
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise ValueError(f"{name} is no plain file in scratch")
