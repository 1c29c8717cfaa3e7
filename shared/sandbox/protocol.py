"""What crosses between the run's process, the fork server and its children."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter

from shared.budgets import Budget
from shared.errors import ConfigError, MailroomError, TransientError
from shared.outcomes import Reason
from shared.tokens import TokenPool
from shared.workflows import JSON, Inspection, Product

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Action = Literal["work", "inspect"]
STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class Start:
    """What the server is told first. Children may take further tokens for helpers of their own."""

    parameters: dict[str, JSON]
    tokens: TokenPool | None = None

    def render(self) -> bytes:
        """As one line of JSON."""
        pool = self.tokens and [str(self.tokens.folder), self.tokens.count]
        return json.dumps({"parameters": self.parameters, "tokens": pool}).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Start:
        raw = json.loads(line)
        pool = raw["tokens"]
        return cls(raw["parameters"], TokenPool(Path(pool[0]), pool[1]) if pool else None)


@dataclass(frozen=True)
class Order:
    """One document for one child. `scratch` is an existing, empty folder of its own."""

    action: Action
    document: Path
    scratch: Path
    parameters: dict[str, JSON]
    budget: Budget

    def render(self, number: int) -> bytes:
        """As one line of JSON; the number comes back with the answer."""
        body = {
            "number": number,
            "action": self.action,
            "document": str(self.document),
            "scratch": str(self.scratch),
            "parameters": self.parameters,
            "budget": self.budget.model_dump(mode="json"),
        }
        return json.dumps(body).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> tuple[int, Order]:
        # By hand: pydantic refuses the surrogates by which Python spells a file name that is not UTF-8.
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
class Failure:
    """Neither the document nor the child is at fault."""

    kind: Literal["transient", "config"]
    message: str

    def as_error(self) -> MailroomError:
        return ConfigError(self.message) if self.kind == "config" else TransientError(self.message)


Answer = Product | Inspection | Refusal | Failure


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
    """How a child ended, as the server saw it. `verdict` is set where the server stopped it or could not start it."""

    number: int
    exit_code: int = 0
    """Negative: the signal that ended it."""
    core_seconds: float = 0.0
    wall_seconds: float = 0.0
    peak_bytes: int = 0
    verdict: Refusal | Failure | None = None
    lacked_memory: bool = False
    """A library has said that memory was refused: whatever the child answers, something may be missing."""
    was_starved: bool = False
    """It was killed when the kernel killed somebody of this control group for want of memory."""
    noise: str = ""
    """The tail of what it printed, for the operator's log, where it left by no regular way."""


@dataclass(frozen=True)
class Event:
    """What the server says. `ready` brings engines, `failed` a failure, `ended` an ending; all say what was used."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    kind: Literal["ready", "failed", "ended", "closed"]
    server_core_seconds: float
    """User and system CPU of the server and of every process that it has reaped."""
    engines: dict[str, str] = field(default_factory=dict)
    failure: Failure | None = None
    ending: Ending | None = None


EVENT: TypeAdapter[Event] = TypeAdapter(Event)


def render(value: DataclassInstance) -> bytes:
    """As one line of JSON in UTF-8, with `?` for what UTF-8 cannot say. ValueError or TypeError: not JSON."""
    return json.dumps(asdict(value), ensure_ascii=False, allow_nan=False).encode("utf-8", "replace") + b"\n"


def parse_event(line: bytes) -> Event:
    """ValueError where the line is anything else: a server that was killed while it wrote leaves half a line."""
    return EVENT.validate_json(line)


class ChildCrashed(TransientError):  # noqa: N818 - what happened, not a kind of error
    """A child died by a signal that none of us sent, or left without an answer."""

    def __init__(
        self, detail: str, core_seconds: float = 0.0, signal: int | None = None, *, was_starved: bool = False
    ) -> None:
        super().__init__(detail)
        self.core_seconds = core_seconds
        self.signal = signal
        self.was_starved = was_starved


class SandboxLost(TransientError):  # noqa: N818
    """The fork server died; what was in hand has no answer."""


class SandboxClosed(TransientError):  # noqa: N818
    """The sandbox was closed while an order was in hand."""
