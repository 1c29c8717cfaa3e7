"""Our page images against those that OCRmyPDF draws itself."""

from pathlib import Path

import pikepdf
import pytest
from ocrmypdf.builtin_plugins import pypdfium
from ocrmypdf.helpers import Resolution
from PIL import Image, ImageChops

from flows.ocr_intake.raster import check_page_size, draw_for_recognition, write_page_image
from shared.errors import DocumentError
from tests.flows.ocr_intake import handwritten as hand

DPI = Resolution(150.0, 150.0)


def draw_plain(source: Path, target: Path, device: str) -> Image.Image:
    pypdfium.rasterize_pdf_page(
        input_file=source,
        output_file=target,
        raster_device=device,
        raster_dpi=DPI,
        pageno=1,
        page_dpi=None,
        rotation=0,
        filter_vector=False,
        stop_on_soft_error=True,
        options=None,
        use_cropbox=False,
    )
    with Image.open(target) as image:
        image.load()
        return image


def crop(source: Path, target: Path) -> Path:
    with pikepdf.open(source) as pdf:
        pdf.pages[0].CropBox = pikepdf.Array([100, 200, 400, 600])
        pdf.save(target)
    return target


@pytest.mark.parametrize("device", ["pngmonod", "pnggray"])
@pytest.mark.parametrize("cropped", [False, True])
def test_the_same_pixels(tmp_path: Path, device: str, cropped: bool) -> None:
    """Same resolution, and black where OCRmyPDF has black; beyond the CropBox too, where it rounds up by a pixel."""
    mode = "1" if device == "pngmonod" else "L"
    source = hand.write_scan(tmp_path / "scan.pdf", hand.draw_page().convert(mode))
    if cropped:
        source = crop(source, tmp_path / "cropped.pdf")
    plain = draw_plain(source, tmp_path / "plain.png", device)
    ours = draw_for_recognition(source, 1, DPI, device, 1e9)
    assert ours.mode == mode
    assert all(0 <= theirs - mine <= cropped for mine, theirs in zip(ours.size, plain.size, strict=True))
    difference = ImageChops.difference(ours.convert("L"), plain.convert("L").crop((0, 0, *ours.size))).histogram()
    assert sum(difference[128:]) < 0.001 * ours.width * ours.height
    write_page_image(ours, tmp_path / "ours.png", DPI)
    with Image.open(tmp_path / "ours.png") as written:
        assert tuple(map(round, written.info["dpi"])) == (150, 150)
        assert written.tobytes() == ours.tobytes()


def test_a_giant_is_refused_before_it_is_drawn(tmp_path: Path) -> None:
    """Memory is asked for only after the page's size is known."""
    path = tmp_path / "giant.pdf"
    path.write_bytes(hand.content_pdf(b"", box=b"0 0 14400 14400"))
    with pytest.raises(DocumentError, match="too_big"):
        check_page_size(path, 1, Resolution(600.0, 600.0), 1e8)
    with pytest.raises(DocumentError, match="too_big"):
        draw_for_recognition(path, 1, Resolution(600.0, 600.0), "pnggray", 1e8)
