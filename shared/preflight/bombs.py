"""Counting what compressed data would become, without keeping it."""

import base64
import zlib
from collections.abc import Callable, Iterator, Sequence

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason

DEFLATE_MAX_RATIO = 1032
"""No deflate stream grows by more (zlib's technical notes)."""
CHUNK_BYTES = 1 << 16
INFLATED_BYTES = 1 << 20
MEGABYTE = 1_000_000


def count_inflated(data: bytes | memoryview, limit_bytes: int) -> int:
    """Bytes that a zlib stream inflates to; stops soon after `limit_bytes`. Damaged data counts up to the damage."""
    if len(data) * DEFLATE_MAX_RATIO <= limit_bytes:
        return len(data)
    return _count(inflate(split(data)), limit_bytes)


def count_unpacked(data: bytes | memoryview, filters: Sequence[str], limit_bytes: int) -> int:
    """As `count_inflated`, through filters behind filters; stops before one that is not among `STAGES`."""
    chunks = split(data)
    for name in filters:
        if name not in STAGES:
            break
        chunks = STAGES[name](chunks)
    return _count(chunks, limit_bytes)


def unpack_head(data: bytes | memoryview, filters: Sequence[str], wanted_bytes: int) -> bytes:
    """The first bytes behind the filters; empty where one of them is not among `STAGES`."""
    chunks = split(data)
    for name in filters:
        if name not in STAGES:
            return b""
        chunks = STAGES[name](chunks)
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= wanted_bytes:
            break
    return head


def _count(chunks: Iterator[bytes], limit_bytes: int) -> int:
    total = 0
    for chunk in chunks:
        total += len(chunk)
        if total > limit_bytes:
            break
    return total


def split(data: bytes | memoryview) -> Iterator[bytes]:
    view = memoryview(data)
    return (bytes(view[start : start + CHUNK_BYTES]) for start in range(0, len(view), CHUNK_BYTES))


def inflate(chunks: Iterator[bytes]) -> Iterator[bytes]:
    inflater = zlib.decompressobj()
    for chunk in chunks:
        pending = chunk
        while pending and not inflater.eof:
            try:
                yield inflater.decompress(pending, INFLATED_BYTES)
            except zlib.error:
                return
            pending = inflater.unconsumed_tail


def read_hexadecimal(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        digits = rest + chunk.translate(None, _NOT_HEXADECIMAL)
        even = len(digits) & ~1
        rest = digits[even:]
        yield bytes.fromhex(digits[:even].decode("ascii"))


def read_ascii85(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        digits = rest + chunk.split(b"~", 1)[0].translate(None, _NOT_ASCII85).replace(b"z", b"!!!!!")
        whole = len(digits) - len(digits) % 5
        rest = digits[whole:]
        try:
            yield base64.a85decode(digits[:whole])
        except ValueError:
            return


_NOT_HEXADECIMAL = bytes(set(range(256)) - set(b"0123456789abcdefABCDEF"))
_NOT_ASCII85 = bytes(set(range(256)) - set(range(33, 118)) - set(b"z"))
STAGES: dict[str, Callable[[Iterator[bytes]], Iterator[bytes]]] = {
    "/FlateDecode": inflate,
    "/Fl": inflate,
    "/ASCIIHexDecode": read_hexadecimal,
    "/AHx": read_hexadecimal,
    "/ASCII85Decode": read_ascii85,
    "/A85": read_ascii85,
}
"""Filters that can be counted through; LZW and run lengths, from before deflate, grow less and are left to qpdf."""


def decompression_bomb(what: str, limit_bytes: int, field: str = "max_decompressed_megabytes") -> DocumentError:
    """The refusal, ready to raise."""
    return DocumentError(
        Reason.BOMB,
        f"{what} would unpack to more than {limit_bytes / MEGABYTE:.0f} MB, far above what a page needs; "
        f"if the document is genuine, raise {field}.",
        depends_on=(f"budget.{field}",),
    )


def too_many_pixels(what: str, pixels: float, max_megapixels: float) -> DocumentError:
    return DocumentError(
        Reason.TOO_BIG,
        f"{what} has {pixels / 1_000_000:.0f} megapixels and the budget allows {max_megapixels:g}; "
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
