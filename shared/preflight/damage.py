"""Whether a page that shows nothing has nothing to show, or has lost it."""

import warnings
from collections.abc import Iterator

import pikepdf
from PIL import Image

from shared.preflight.content import find_contents
from shared.preflight.streams import READ_ERRORS, read_name


def is_damaged(page: pikepdf.Page) -> bool:
    """Decodes what the page draws: for pages that drew blank, where a reader's silence may hide a loss."""
    if not is_content_intact(page.obj):
        return True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            pikepdf.parse_content_stream(page)
        except (*READ_ERRORS, TypeError, ValueError):
            return True
        return not all(_is_decodable(image) for image in _find_images(page.obj))


def is_content_intact(page: pikepdf.Dictionary) -> bool:
    """Whether every content stream of the page decompresses."""
    try:
        for stream in find_contents(page):
            stream.read_bytes()
    except READ_ERRORS:
        return False
    return True


def _find_images(page: pikepdf.Dictionary) -> Iterator[pikepdf.Stream]:
    resources = page.get("/Resources")
    objects = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    if isinstance(objects, pikepdf.Dictionary):
        for item in objects.as_dict().values():
            if isinstance(item, pikepdf.Stream) and read_name(item.get("/Subtype")) == "/Image":
                yield item


def _is_decodable(image: pikepdf.Stream) -> bool:
    try:
        pikepdf.PdfImage(image).as_pil_image().load()
    except (pikepdf.UnsupportedImageTypeError, pikepdf.DependencyError, pikepdf.HifiPrintImageNotTranscodableError):
        return True  # Nobody here can tell.
    except Image.DecompressionBombError:
        return True
    except Exception:  # noqa: BLE001 - on damaged data the decoders raise what they like, and any of it is the answer
        return False
    return True
