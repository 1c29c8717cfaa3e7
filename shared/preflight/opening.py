"""Opening a PDF within limits, and saying why it would not open."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pikepdf
from pikepdf import settings

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight.bombs import MEGABYTE, check_pages, decompression_bomb
from shared.preflight.kinds import TAIL_WINDOW_BYTES
from shared.preflight.streams import READ_ERRORS

STRUCTURE_MEGABYTES = 64
"""Object streams, cross-reference streams and chained filters are read whole; none of them is this big in earnest."""
PADDED_TAIL_BYTES = 1 << 16
MAX_TREE_DEPTH = 200
"""qpdf walks the page tree by recursion; producers keep trees a handful of levels deep."""
_ENDING = re.compile(rb"%%EO|startxref|trailer")


@contextmanager
def open_pdf(path: Path, budget: Budget) -> Iterator[pikepdf.Pdf]:
    """A PDF whose page tree is known to be finite. Raises DocumentError; what qpdf repaired is in `get_warnings()`."""
    _set_limits(STRUCTURE_MEGABYTES)
    errors_before = settings.qpdf_limit_errors()
    try:
        # Pages inherit only after the tree was walked: qpdf would walk it first, by recursion.
        with pikepdf.open(path, inherit_page_attributes=False, suppress_warnings=True) as pdf:
            check_page_tree(pdf, budget)
            check_pages(len(pdf.pages), budget)
            yield pdf
    except pikepdf.PasswordError:
        raise DocumentError(
            Reason.ENCRYPTED, "The document opens with a password only; remove it or supply an unlocked copy."
        ) from None
    except (*READ_ERRORS, RecursionError) as error:
        if settings.qpdf_limit_errors() > errors_before and _mentions(error, "memory", "limit"):
            raise decompression_bomb("The structure of the document", STRUCTURE_MEGABYTES * MEGABYTE) from None
        raise diagnose(path, str(error)) from error
    finally:
        # Images are decoded later, by others, within the pixels that were checked.
        _set_limits(max(STRUCTURE_MEGABYTES, int(4 * budget.max_megapixels)))


def _set_limits(megabytes: int) -> None:
    limit = min(megabytes * MEGABYTE, 2**32 - 1)
    settings.set_qpdf_limits(
        flate_max_memory=limit, run_length_max_memory=limit, png_max_memory=limit, tiff_max_memory=limit
    )


def _mentions(error: BaseException, *words: str) -> bool:
    return any(word in str(error) for word in words)


def check_page_tree(pdf: pikepdf.Pdf, budget: Budget) -> None:
    """Walks the tree without recursion. Raises DocumentError on a loop, on absurd depth, and above `max_pages`."""
    root = pdf.Root.get("/Pages") if isinstance(pdf.Root, pikepdf.Dictionary) else None
    leaves = visits = 0
    # Depth first; a node is closed once all below it was seen, so a node met while open is its own ancestor.
    stack: list[tuple[object, bool]] = [(root, False)]
    ancestors: set[tuple[int, int]] = set()
    while stack:
        node, closing = stack.pop()
        if not isinstance(node, pikepdf.Dictionary):
            continue
        if closing:
            ancestors.discard(node.objgen)
            continue
        visits += 1
        if visits > 10 * budget.max_pages + 1000:
            # Branches without leaves, shared many times over.
            raise _page_tree_loop()
        kids = node.get("/Kids")
        if not isinstance(kids, pikepdf.Array):
            leaves += 1
            if leaves > budget.max_pages:
                check_pages(leaves, budget)
            continue
        if node.is_indirect:
            if node.objgen in ancestors or len(ancestors) > MAX_TREE_DEPTH:
                raise _page_tree_loop()
            ancestors.add(node.objgen)
        stack.append((node, True))
        stack.extend((kid, False) for kid in reversed(list(kids)))


def _page_tree_loop() -> DocumentError:
    return DocumentError(
        Reason.PAGE_TREE_LOOP, "The page tree leads back into itself, so it has no end; ask for an intact copy."
    )


def diagnose(path: Path, message: str) -> DocumentError:
    """Why qpdf gave up, from its words and from the end of the file: it has no error codes for this.

    A later qpdf may repair more, so the refusal stands only for this one.
    """
    error = _diagnose(path, message)
    error.depends_on = ("engine.pikepdf",)
    return error


def _diagnose(path: Path, message: str) -> DocumentError:
    if "Loop detected" in message:
        return _page_tree_loop()
    if is_cut_off(path):
        return DocumentError(
            Reason.TRUNCATED,
            "The file ends in the middle: its closing part is missing, so it was not transferred completely; "
            "fetch it again.",
        )
    if "ncrypt" in message and "not a dictionary" not in message:
        return DocumentError(
            Reason.ENCRYPTED, "The document is encrypted in a way that cannot be undone here; supply an unlocked copy."
        )
    if "find any pages" in message:
        return DocumentError(
            Reason.NO_PAGES, "The document is damaged and no page could be found in it; ask for an intact copy."
        )
    return DocumentError(
        Reason.DAMAGED, "The structure of the document is damaged beyond repair; ask for an intact copy."
    )


def is_cut_off(path: Path) -> bool:
    """Whether the last part, which names the cross-reference table, is missing altogether."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - PADDED_TAIL_BYTES))
        # Disks and tapes pad files with zeros.
        tail = stream.read().rstrip(b"\0 \t\r\n")
    return _ENDING.search(tail[-TAIL_WINDOW_BYTES:]) is None
