"""The vocabulary of a plan: what is declared, what is live, and the changes between them. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    """In the order in which they are created; they are deleted the other way round."""

    WORK_POOL = "work pool"
    LANE = "lane"
    LIMIT = "limit"
    VARIABLE = "variable"
    SECRET = "secret"  # noqa: S105 - a kind of thing
    DEPLOYMENT = "deployment"
    AUTOMATION = "automation"


class Action(StrEnum):
    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    DELETE = "delete"
    UNCHANGED = "unchanged"
    BLOCKED = "blocked"


Address = tuple[Kind, str]


@dataclass(frozen=True)
class Resource:
    """What Git says of one thing. Only the fields that it states are compared and managed."""

    kind: Kind
    name: str
    """Unique within its kind: `pool/lane`, `flow/deployment`, else the plain name."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    switches: frozenset[str] = frozenset()
    """Paths of those fields that a person may turn off, and that then stay off until the person turns them on."""
    image: str | None = None
    """Of a deployment that runs in one: `repository/workflow:version`. Its job variable `image` is this or a digest."""

    @property
    def address(self) -> Address:
        return self.kind, self.name


@dataclass(frozen=True)
class Live:
    """What the server says of one thing."""

    kind: Kind
    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    owner: str | None = None
    """Whose mark it bears; None: made by hand, or by plain Prefect."""
    turned_off: frozenset[str] = frozenset()
    """Switches that are off because Git said so at the last apply, not because a person turned them off."""
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The server's own words, for a snapshot."""

    @property
    def address(self) -> Address:
        return self.kind, self.name


@dataclass(frozen=True)
class FieldChange:
    path: str
    """Dotted; `schedules.nightly` where a whole schedule comes or goes."""
    before: Any = None
    after: Any = None


@dataclass(frozen=True)
class Change:
    """One step of a plan, printable and comparable."""

    kind: Kind
    name: str
    action: Action
    fields: tuple[FieldChange, ...] = ()
    note: str = ""
    """Why it is blocked, or what is left as a person set it."""

    @property
    def address(self) -> Address:
        return self.kind, self.name


@dataclass(frozen=True)
class Plan:
    changes: tuple[Change, ...]

    @property
    def pending(self) -> tuple[Change, ...]:
        """All but what is unchanged."""
        return tuple(change for change in self.changes if change.action is not Action.UNCHANGED)

    def having(self, *actions: Action) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.action in actions)
