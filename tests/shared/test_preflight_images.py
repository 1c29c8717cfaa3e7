"""Dimensions from headers, and directories of TIFFs."""

import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight.codecs import find_image_size, find_jbig2_size
from shared.preflight.tiff import check_directories
from tests.flows.ocr_intake.handwritten import render_tiff


@pytest.mark.parametrize(("filter_name", "format_name"), [("/DCTDecode", "JPEG"), ("/JPXDecode", "JPEG2000")])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_the_size_comes_from_the_image_itself(filter_name: str, format_name: str, options: dict[str, bool]) -> None:
    """What Pillow writes is read back, baseline or progressive."""
    target = io.BytesIO()
    Image.new("RGB", (123, 45)).save(target, format_name, **({} if format_name == "JPEG2000" else options))
    assert find_image_size(filter_name, target.getvalue()) == (123, 45)


def test_a_jbig2_page_behind_other_segments_is_found() -> None:
    """A symbol dictionary, with references to others, stands before the page."""
    dictionary = struct.pack(">IBBBBI", 1, 0, 1 << 5, 0, 1, 4) + b"abcd"
    page = struct.pack(">IBBBI", 2, 48, 0, 1, 19) + struct.pack(">IIII", 640, 480, 0, 0) + bytes(3)
    assert find_jbig2_size(dictionary + page) == (640, 480)


def test_a_region_larger_than_its_jbig2_page_counts() -> None:
    """Decoders make room for each region before they place it on the page."""
    page = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIII", 64, 48, 0, 0) + bytes(3)
    region = struct.pack(">IBBBI", 1, 38, 0, 1, 18) + struct.pack(">IIII", 90_000, 80_000, 0, 0) + bytes(2)
    assert find_jbig2_size(page + region) == (90_000, 80_000)


@pytest.mark.parametrize("filter_name", ["/DCTDecode", "/JPXDecode", "/JBIG2Decode", "/FlateDecode"])
@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff\xc0\x00", b"\xff\x4f\xff\x51\x00", bytes(40)])
def test_a_damaged_header_says_nothing(filter_name: str, data: bytes) -> None:
    """No size is better than an exception; the dictionary's stands."""
    assert find_image_size(filter_name, data) in {None, (0, 0)}


def refusal(tmp_path: Path, content: bytes, budget: Budget | None = None) -> DocumentError:
    path = tmp_path / "image.tif"
    path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        check_directories(path, budget or Budget())
    return caught.value


def test_a_chain_of_directories_ends(tmp_path: Path) -> None:
    """Two pages are two pages."""
    path = tmp_path / "image.tif"
    path.write_bytes(render_tiff((10, 10, 1), (10, 10, -1)))
    check_directories(path, Budget())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (render_tiff((10, 10, 0)), Reason.PAGE_TREE_LOOP),
        (render_tiff((10, 10, 1), (10, 10, 0)), Reason.PAGE_TREE_LOOP),
        (render_tiff((10, 10, -1))[:-6], Reason.TRUNCATED),
        (render_tiff((10, 10, 99)), Reason.TRUNCATED),
        (b"II*\0\0\0\0\0", Reason.NO_PAGES),
        (render_tiff((100_000, 100_000, -1)), Reason.TOO_BIG),
    ],
)
def test_a_chain_that_leads_nowhere_is_refused(tmp_path: Path, content: bytes, reason: Reason) -> None:
    """Loops, ends outside the file, no page, and pages too big are told apart without a decoder."""
    assert refusal(tmp_path, content).reason is reason


def test_pages_are_counted_to_the_budget(tmp_path: Path) -> None:
    """The walk stops at the first page above it."""
    chain = render_tiff(*((1, 1, number + 1) for number in range(5)), (1, 1, -1))
    error = refusal(tmp_path, chain, Budget(max_pages=3))
    assert (error.reason, error.depends_on) == (Reason.TOO_MANY_PAGES, ("budget.max_pages",))
