"""Errors classified by fate: the class tells the runner what to do, whatever the origin."""

from shared.outcomes import Reason


class MailroomError(Exception):
    """Root of the tree; never raised itself."""


class DocumentError(MailroomError):
    """The document is at fault: it is quarantined with its reason and never retried.

    `depends_on` names the parameters (`"budget.max_pages"`, `"mode"`) that led to the refusal: the refusal stands until
    one of them changes. `found` is for a person: what was seen, why it is refused, what would help; it never quotes the
    document's text.
    """

    def __init__(self, reason: Reason, found: str, *, depends_on: tuple[str, ...] = ()) -> None:
        super().__init__(f"{reason}: {found}")
        self.reason = reason
        self.found = found
        self.depends_on = depends_on


class TransientError(MailroomError):
    """The world is at fault (full disk, locked database, lost helper): the same input may succeed later."""


class ConfigError(MailroomError):
    """We are at fault: the run stops and tells the operator what to change."""
