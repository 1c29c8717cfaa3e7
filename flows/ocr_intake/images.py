"""Images as PDF: every frame a page of its physical size, without loss wherever img2pdf can embed it as it is."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import img2pdf
from PIL import Image, ImageOps, UnidentifiedImageError

from flows.ocr_intake.conversion import typed_errors
from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Finding, Reason
from shared.preflight import Kind
from shared.preflight.bombs import MEGABYTE, check_pages, decompression_bomb, too_many_pixels
from shared.preflight.kinds import TAIL_WINDOW_BYTES
from shared.preflight.tiff import check_directories

CREDIBLE_DPI = range(70, 2401)
SCREEN_DPI = frozenset({72, 96})
"""What cameras and screenshots state for want of a scanner."""
_PLAIN_MODES = frozenset({"1", "L", "RGB"})


@contextmanager
def _open_image(path: Path) -> Iterator[Image.Image]:
    """Raises DocumentError for what Pillow says of damaged images, in its many ways."""
    try:
        with Image.open(path) as image:
            yield image
    except UnidentifiedImageError:
        raise DocumentError(
            Reason.DAMAGED, "The image cannot be read: its header is damaged or of an unknown variety; export it anew."
        ) from None
    except Image.DecompressionBombError as error:
        raise _name_image_fault(path, str(error)) from None
    except OSError as error:
        if error.errno is not None:
            raise
        raise _name_image_fault(path, str(error)) from None
    except (ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise _name_image_fault(path, str(error)) from None


def _name_image_fault(path: Path, message: str) -> DocumentError:
    if pixels := re.search(r"\((\d+) pixels\)", message):
        return too_many_pixels("The image", int(pixels[1]), (Image.MAX_IMAGE_PIXELS or 0) / MEGABYTE)
    if "truncated" in message or _is_cut_off(path):
        return DocumentError(Reason.TRUNCATED, "The image ends in the middle; fetch or scan it again.")
    if "Decompressed data too large" in message or "too large" in message.lower():
        return decompression_bomb("The text or colour profile in the image", 64_000_000)
    if "decoder" in message or "not supported" in message or "codec" in message:
        return DocumentError(
            Reason.IMAGE_UNSUPPORTED,
            "The image is compressed in a way that is not supported; export it as PNG or TIFF.",
        )
    return DocumentError(Reason.DAMAGED, "The image is damaged; export or scan it again.")


def _is_cut_off(path: Path) -> bool:
    """Whether a PNG or JPEG lacks the mark that ends it."""
    with path.open("rb") as stream:
        head = stream.read(4)
        stream.seek(max(0, path.stat().st_size - TAIL_WINDOW_BYTES))
        tail = stream.read()
    ends = {b"\x89PNG": b"IEND", b"\xff\xd8\xff\xe0": b"\xff\xd9", b"\xff\xd8\xff\xe1": b"\xff\xd9"}
    return ends.get(head, b"") not in tail


def survey_image(path: Path, kind: Kind, budget: Budget) -> tuple[int, float]:
    """Pages and megapixels, from headers alone. Raises DocumentError."""
    if kind is Kind.TIFF:
        check_directories(path, budget)
    pixels = 0
    with _open_image(path) as image:
        pages = getattr(image, "n_frames", 1) if kind is Kind.TIFF else 1
        check_pages(pages, budget)
        for index in range(pages):
            if index:
                image.seek(index)
            size = image.width * image.height
            if size > budget.max_megapixels * MEGABYTE:
                raise too_many_pixels("The image", size, budget.max_megapixels)
            pixels += size
    return pages, pixels / MEGABYTE


def write_pdf(path: Path, target: Path, folder: Path, kind: Kind, assume_dpi: int) -> list[Finding]:
    """Writes the image as a PDF; `folder` takes frames that must be rewritten first. Raises DocumentError."""
    findings: list[Finding] = []
    with _open_image(path) as image:
        pages = getattr(image, "n_frames", 1) if kind is Kind.TIFF else 1
        frames = [_prepare_frame(path, image, index, folder, assume_dpi, findings) for index in range(pages)]
    layout = img2pdf.default_layout_fun
    if frames == [path] and findings:
        layout = img2pdf.get_fixed_dpi_layout_fun((assume_dpi, assume_dpi))
    with typed_errors(), target.open("wb") as stream:
        img2pdf.convert(
            [str(frame) for frame in frames],
            outputstream=stream,
            layout_fun=layout,
            engine=img2pdf.Engine.pikepdf,
            rotation=img2pdf.Rotation.ifvalid,
        )
    return findings


def _prepare_frame(
    path: Path, image: Image.Image, index: int, folder: Path, assume_dpi: int, findings: list[Finding]
) -> Path:
    """A file of one frame that img2pdf embeds as it is; a JPEG is its own."""
    image.seek(index)
    dpi, assumed = find_dpi(image, assume_dpi)
    if assumed:
        findings.append(Finding("dpi_assumed", f"{dpi[0]:g} dpi", index + 1))
    image.load()
    if image.format == "JPEG" and image.mode in {"L", "RGB"}:
        return path
    frame = flatten(ImageOps.exif_transpose(image))
    if frame.mode == "1":
        target = folder / f"frame-{index}.tif"
        frame.save(target, dpi=dpi, compression="group4")
    else:
        target = folder / f"frame-{index}.png"
        frame.save(target, dpi=dpi, compress_level=1)
    return target


def find_dpi(image: Image.Image, assume_dpi: int) -> tuple[tuple[float, float], bool]:
    """Resolution across and down, and whether it had to be assumed."""
    stated = image.info.get("dpi")
    try:
        across, down = float(stated[0]), float(stated[1])  # type: ignore[index]
    except (TypeError, ValueError, IndexError, ZeroDivisionError):
        return (assume_dpi, assume_dpi), True
    rounded = {round(across), round(down)} if math.isfinite(across + down) else {0}
    if any(value not in CREDIBLE_DPI or value in SCREEN_DPI for value in rounded) or max(rounded) > 4 * min(rounded):
        return (assume_dpi, assume_dpi), True
    return (across, down), False


def flatten(image: Image.Image) -> Image.Image:
    """On white paper, in 1 bit, grey or RGB: what PDF/A and every reader take."""
    if image.mode in _PLAIN_MODES:
        return image
    if image.mode.startswith(("I;16", "I", "F")):
        # 16 bit samples; 32 bit ones hold the same range in the wild.
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        paper.alpha_composite(coloured)
        flat = paper.convert("RGB")
        return flat.convert("L") if image.mode in {"LA", "La"} else flat
    return image.convert("RGB")
