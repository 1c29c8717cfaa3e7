"""Images of every make become pages."""

import zlib
from collections.abc import Callable
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from flows.ocr_intake.images import find_dpi, flatten
from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.workflows import Product
from tests.flows.ocr_intake import handwritten as hand

Work = Callable[..., Product]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_any_mode_is_read(tmp_path: Path, work: Work, mode: str) -> None:
    """Bits, grey, palette, alpha and 16 bit samples hold the same words."""
    page = hand.draw_page()
    image = page.point(lambda value: value * 256, "I").convert("I;16") if mode == "I;16" else page.convert(mode)
    product = work(hand.write_scan(tmp_path / "page.png", image))
    assert product.facts["words"] == 18
    assert product.facts["pdfa"] == "2b"


@pytest.mark.parametrize(("mode", "suffix"), [("CMYK", ".jpg"), ("L", ".jpg"), ("CMYK", ".tif"), ("LAB", ".tif")])
def test_colours_for_print_are_read(tmp_path: Path, work: Work, mode: str, suffix: str) -> None:
    """Printers' colours come out as words too."""
    image = Image.merge("LAB", [hand.draw_page()] * 3) if mode == "LAB" else hand.draw_page().convert(mode)
    assert work(hand.write_scan(tmp_path / f"page{suffix}", image)).facts["words"] > 15


def test_a_transparent_page_lies_on_white_paper() -> None:
    """What shines through is paper."""
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    assert list(flatten(image).convert("L").tobytes()) == [255, 0]


def test_sixteen_bits_keep_their_shades() -> None:
    """The upper half of each sample is what a page needs."""
    image = Image.new("I;16", (1, 1), 0x8000)
    assert flatten(image).tobytes() == b"\x80"


@pytest.mark.parametrize("stated", [None, (72, 72), (96, 96), (1, 1), (0, 0), (99999, 99999), (300, 30)])
def test_an_incredible_resolution_is_not_believed(stated: tuple[int, int] | None) -> None:
    """Screens, cameras and zero are no scanners."""
    image = Image.new("L", (10, 10))
    image.info |= {"dpi": stated} if stated else {}
    assert find_dpi(image, 300) == ((300, 300), True)


def test_a_credible_resolution_is_kept() -> None:
    """Fax machines scan coarser down than across."""
    image = Image.new("L", (10, 10))
    image.info["dpi"] = (204, 98)
    assert find_dpi(image, 300) == ((204.0, 98.0), False)


def test_an_assumed_resolution_is_told_and_depended_on(tmp_path: Path, work: Work) -> None:
    """Another assumption gives another page size, so the result depends on it."""
    product = work(hand.write_scan(tmp_path / "page.jpg", hand.draw_page(), dpi=None), assume_dpi=150)
    assert "dpi_assumed" in {finding.code for finding in product.findings}
    assert "assume_dpi" in product.depends_on
    with pikepdf.open(tmp_path / "scratch" / product.files["pdf"]) as pdf:
        assert round(float(pdf.pages[0].mediabox[2])) == 595


def test_a_jpeg_is_embedded_as_it_is(tmp_path: Path, work: Work) -> None:
    """No second compression: the PDF holds the file's own bytes."""
    scan = hand.write_scan(tmp_path / "page.jpg", hand.draw_page())
    product = work(scan)
    with pikepdf.open(tmp_path / "scratch" / product.files["pdf"]) as pdf:
        images = [item.read_raw_bytes() for item in pdf.objects if isinstance(item, pikepdf.Stream)]
    assert scan.read_bytes() in images


def refusal(tmp_path: Path, work: Work, name: str, content: bytes, budget: Budget | None = None) -> DocumentError:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        work(path, budget)
    return caught.value


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (hand.render_png(60_000, 60_000, data=b""), Reason.TOO_BIG),
        (hand.render_png(18_000, 18_000, data=b""), Reason.TOO_BIG),
        (hand.render_png(9, 9, hand.png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(90_000_000)))), Reason.BOMB),
        (hand.render_png(9, 9, hand.png_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(90_000_000)))), Reason.BOMB),
        (hand.render_png(500, 500)[:90], Reason.TRUNCATED),
        (hand.render_png(9, 9, data=b"not deflate"), Reason.DAMAGED),
        (b"\xff\xd8\xff\xe0 no more\xff\xd9", Reason.DAMAGED),
        (hand.render_tiff((10, 10, 0)), Reason.PAGE_TREE_LOOP),
        (hand.render_tiff((10, 10, -1)), Reason.DAMAGED),
    ],
)
def test_a_bad_image_is_refused_by_name(tmp_path: Path, work: Work, content: bytes, reason: Reason) -> None:
    """Too big, packed to burst, cut off and damaged are four things."""
    assert refusal(tmp_path, work, "image", content).reason is reason


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_half_an_image_is_truncated(tmp_path: Path, work: Work, suffix: str) -> None:
    """The rest can be fetched again; there is no point in reading half a page."""
    whole = hand.write_scan(tmp_path / f"whole{suffix}", Image.effect_noise((600, 600), 80)).read_bytes()
    assert refusal(tmp_path, work, f"half{suffix}", whole[: len(whole) // 2]).reason is Reason.TRUNCATED


def test_pages_of_a_tiff_count(tmp_path: Path, work: Work) -> None:
    """The budget holds for images as for PDFs."""
    scan = hand.write_scan(tmp_path / "scan.tif", hand.draw_page(), hand.draw_page(), hand.draw_page())
    error = refusal(tmp_path, work, "copy.tif", scan.read_bytes(), Budget(max_pages=2))
    assert error.reason is Reason.TOO_MANY_PAGES
