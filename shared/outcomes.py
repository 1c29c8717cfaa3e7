"""How a document ends: outcomes, the typed reasons behind two of them, and findings that change nothing."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """Every input of a batch ends in exactly one of these."""

    DONE = "done"
    DUPLICATE = "duplicate"
    REVIEW = "review"
    QUARANTINED = "quarantined"


class Reason(StrEnum):
    """Why a document is quarantined or sent to review."""

    UNREADABLE = "unreadable"
    """The file system would not give us the bytes: permission, broken link, vanished, not a regular file."""
    EMPTY_FILE = "empty_file"
    NOT_A_DOCUMENT = "not_a_document"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    ENCRYPTED = "encrypted"
    PASSWORD_WRONG = "password_wrong"  # noqa: S105 - a reason, not a secret
    NO_PAGES = "no_pages"
    PAGE_TREE_LOOP = "page_tree_loop"
    TOO_MANY_PAGES = "too_many_pages"
    TOO_BIG = "too_big"
    """Bytes, pixels or page box above the budget."""
    BOMB = "bomb"
    """Decompresses to more than the budget allows."""
    IMAGE_UNSUPPORTED = "image_unsupported"
    XFA_FORM = "xfa_form"
    SIGNED = "signed"
    UNSUPPORTED_FILTER = "unsupported_filter"
    FONT_MISSING = "font_missing"
    NAME_COLLISION = "name_collision"
    """Two inputs would publish to one path; the later one in sorted order waits for a rename."""
    CPU_TIMEOUT = "cpu_timeout"
    STALLED = "stalled"
    WALL_TIMEOUT = "wall_timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_TOO_BIG = "output_too_big"
    CRASHED = "crashed"
    OUTPUT_INVALID = "output_invalid"
    PAGES_LOST = "pages_lost"
    TEXT_MISSING = "text_missing"
    LOW_CONFIDENCE = "low_confidence"


@dataclass(frozen=True, order=True)
class Finding:
    """Something worth knowing that does not change the outcome: JavaScript, attachments, a skipped page.

    `page_number` counts from 1; None speaks of the whole document.
    """

    code: str
    detail: str = ""
    page_number: int | None = None
