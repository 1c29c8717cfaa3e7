"""The chain of directories in a TIFF, one per page: walked before any library follows it."""

import struct
from pathlib import Path
from typing import BinaryIO

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight.bombs import MEGABYTE, check_pages, too_many_pixels

IMAGE_WIDTH, IMAGE_LENGTH = 256, 257
MAX_ENTRIES = 4096
"""Entries in one directory: about a hundred tags are defined at all."""
_NUMBERS = {3: "H", 4: "I", 16: "Q"}


def check_directories(path: Path, budget: Budget) -> None:
    """Raises DocumentError where the chain loops, has too many pages, or ends outside the file."""
    with path.open("rb") as stream:
        order, big = _read_header(stream)
        offset = _read_number(stream, order, 8 if big else 4)
        seen: set[int] = set()
        while offset:
            if offset in seen:
                raise DocumentError(
                    Reason.PAGE_TREE_LOOP, "The image's list of pages leads back into itself; export it anew."
                )
            seen.add(offset)
            if len(seen) > budget.max_pages:
                check_pages(len(seen), budget)
            offset = _read_next(stream, offset, order, budget, big=big)
        check_pages(len(seen), budget)


def _read_header(stream: BinaryIO) -> tuple[str, bool]:
    order = "<" if stream.read(2) == b"II" else ">"
    big = _read_number(stream, order, 2) == 43
    if big:
        stream.seek(8)
    return order, big


def _read_next(stream: BinaryIO, offset: int, order: str, budget: Budget, *, big: bool) -> int:
    stream.seek(offset)
    entries = _read_number(stream, order, 8 if big else 2)
    width_of_entry = 20 if big else 12
    sides = {IMAGE_WIDTH: 0, IMAGE_LENGTH: 0}
    for _ in range(min(entries, MAX_ENTRIES)):
        entry = stream.read(width_of_entry)
        tag, kind = struct.unpack(order + "HH", entry[:4]) if len(entry) == width_of_entry else (0, 0)
        if tag in sides and kind in _NUMBERS:
            sides[tag] = struct.unpack_from(order + _NUMBERS[kind], entry, 12 if big else 8)[0]
    pixels = sides[IMAGE_WIDTH] * sides[IMAGE_LENGTH]
    if pixels > budget.max_megapixels * MEGABYTE:
        raise too_many_pixels("A page of the image", pixels, budget.max_megapixels)
    return _read_number(stream, order, 8 if big else 4)


def _read_number(stream: BinaryIO, order: str, size: int) -> int:
    data = stream.read(size)
    if len(data) < size:
        raise DocumentError(Reason.TRUNCATED, "The image ends before its list of pages does; fetch or scan it again.")
    number: int = struct.unpack(order + {2: "H", 4: "I", 8: "Q"}[size], data)[0]
    return number
