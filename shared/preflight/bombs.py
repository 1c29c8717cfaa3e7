"""Counting what compressed data would become, without keeping it."""

import zlib
from collections.abc import Iterator

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason

DEFLATE_MAX_RATIO = 1032
"""No deflate stream grows by more (zlib's technical notes)."""
CHUNK_BYTES = 1 << 16
MEGABYTE = 1_000_000


def count_inflated(data: bytes | memoryview, limit_bytes: int) -> int:
    """Bytes that a zlib stream inflates to; stops soon after `limit_bytes`. Damaged data counts up to the damage."""
    if len(data) * DEFLATE_MAX_RATIO <= limit_bytes:
        return len(data)
    total = 0
    for size in _inflate_sizes(data):
        total += size
        if total > limit_bytes:
            break
    return total


def _inflate_sizes(data: bytes | memoryview) -> Iterator[int]:
    inflater = zlib.decompressobj()
    view = memoryview(data)
    for start in range(0, len(view), CHUNK_BYTES):
        pending: bytes | memoryview = view[start : start + CHUNK_BYTES]
        while pending and not inflater.eof:
            try:
                yield len(inflater.decompress(pending, 1 << 20))
            except zlib.error:
                return
            pending = inflater.unconsumed_tail
        if inflater.eof:
            return


def decompression_bomb(what: str, limit_bytes: int, field: str = "max_decompressed_megabytes") -> DocumentError:
    """The refusal, ready to raise."""
    return DocumentError(
        Reason.BOMB,
        f"{what} would unpack to more than {limit_bytes / MEGABYTE:.0f} MB, far above what a page needs; "
        f"if the document is genuine, raise {field}.",
        depends_on=(f"budget.{field}",),
    )


def too_many_pixels(what: str, pixels: float, budget: Budget) -> DocumentError:
    return DocumentError(
        Reason.TOO_BIG,
        f"{what} has {pixels / 1_000_000:.0f} megapixels and the budget allows {budget.max_megapixels:g}; "
        "scan at a lower resolution or raise max_megapixels.",
        depends_on=("budget.max_megapixels",),
    )


def check_pages(pages: int, budget: Budget) -> None:
    if pages == 0:
        raise DocumentError(Reason.NO_PAGES, "The document has no pages; there is nothing to work on.")
    if pages > budget.max_pages:
        raise DocumentError(
            Reason.TOO_MANY_PAGES,
            f"The document has more than {budget.max_pages} pages; split it or raise max_pages.",
            depends_on=("budget.max_pages",),
        )
