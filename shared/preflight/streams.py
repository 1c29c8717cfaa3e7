"""Every stream of a PDF, measured before anyone decodes it."""

from dataclasses import dataclass

import pikepdf

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight.bombs import (
    DEFLATE_MAX_RATIO,
    MEGABYTE,
    count_unpacked,
    decompression_bomb,
    too_many_pixels,
    unpack_head,
)
from shared.preflight.codecs import find_image_size

FLATE = frozenset({"/FlateDecode", "/Fl"})
IMAGE_CODECS = frozenset({"/DCTDecode", "/DCT", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode", "/CCF"})
CONTENT_FILTERS = FLATE | {
    "/LZWDecode",
    "/LZW",
    "/ASCII85Decode",
    "/A85",
    "/ASCIIHexDecode",
    "/AHx",
    "/RunLengthDecode",
    "/RL",
    "/Crypt",
}
MAX_FILTERS = 10
HEAD_BYTES = 1 << 20
"""Where codecs state their dimensions, even behind a long colour profile."""
# pikepdf fails to put a message into words when the file's own bytes in it are not UTF-8.
READ_ERRORS = (pikepdf.PdfError, NotImplementedError, UnicodeDecodeError)
IMAGE_SLACK_SHARE = 4
"""Rows padded, masks, sloppy producers: a fourth of the budget is what an image may hold beyond what it promises."""


@dataclass(frozen=True)
class ImageSize:
    """An image's dimensions, the greater of what its dictionary and its own header say."""

    width: int
    height: int
    bits_per_pixel: int

    @property
    def pixels(self) -> int:
        return self.width * self.height


def find_filters(stream: pikepdf.Stream) -> tuple[str, ...]:
    filters = stream.get("/Filter")
    if isinstance(filters, pikepdf.Array):
        return tuple(read_name(item) for item in filters)
    return (read_name(filters),) if isinstance(filters, pikepdf.Name) else ()


def read_name(item: object) -> str:
    """A name as text, empty where it is none or not UTF-8: fuzzed files hold both."""
    try:
        return str(item) if isinstance(item, pikepdf.Name) else ""
    except UnicodeDecodeError:
        return ""


def check_stream(stream: pikepdf.Stream, budget: Budget) -> None:
    """Raises DocumentError (`bomb`, `too_big`) without keeping what it unpacks."""
    filters = find_filters(stream)
    if len(filters) > MAX_FILTERS:
        raise DocumentError(Reason.BOMB, f"A stream is packed {len(filters)} times over, which only an attack needs.")
    raw = memoryview(stream.get_raw_stream_buffer())
    limit = budget.max_decompressed_megabytes * MEGABYTE
    size = find_dictionary_size(stream, filters, raw)
    if read_name(stream.get("/Subtype")) == "/Image":
        check_pixels(size.pixels, budget)
        limit = size.pixels * size.bits_per_pixel // 8 + limit // IMAGE_SLACK_SHARE
    elif not IMAGE_CODECS.isdisjoint(filters) and size.pixels > limit:
        raise decompression_bomb("A stream of page content, compressed as an image,", limit)
    if len(raw) * DEFLATE_MAX_RATIO ** sum(name in FLATE for name in filters) > limit:
        # Each stage is counted: what the first unpacks to must be held as well as what the last does.
        for stages in range(1, len(filters) + 1):
            if filters[stages - 1] in FLATE and count_unpacked(raw, filters[:stages], limit) > limit:
                raise decompression_bomb("A compressed stream", limit)


def check_pixels(pixels: int, budget: Budget) -> None:
    if pixels > budget.max_megapixels * MEGABYTE:
        raise too_many_pixels("An image in the document", pixels, budget.max_megapixels)


def find_dictionary_size(stream: pikepdf.Stream, filters: tuple[str, ...], raw: memoryview) -> ImageSize:
    width, height = find_number(stream, "/Width", "/W"), find_number(stream, "/Height", "/H")
    # A JPEG packed once more has its header behind the packing.
    head = unpack_head(raw, filters[:-1], HEAD_BYTES) if filters and filters[-1] in IMAGE_CODECS else b""
    if head and (own := find_image_size(filters[-1], head)):
        width, height = max(width, own[0]), max(height, own[1])
    if filters and filters[-1] in {"/CCITTFaxDecode", "/CCF"}:
        width, height = _find_fax_size(stream, width, height)
    bits = find_number(stream, "/BitsPerComponent", "/BPC") or 8
    # Four components are the usual most; the codecs that carry more state their own.
    return ImageSize(
        width,
        height,
        1 if stream.get_bool(pikepdf.Name.ImageMask, default=False, coerce=True) else 4 * max(1, min(bits, 16)),
    )


def _find_fax_size(stream: pikepdf.Stream, width: int, height: int) -> tuple[int, int]:
    parameters = stream.get("/DecodeParms", stream.get("/DP"))
    if isinstance(parameters, pikepdf.Array) and len(parameters):
        parameters = parameters[-1]
    if not isinstance(parameters, pikepdf.Dictionary):
        return width, height
    return max(width, find_number(parameters, "/Columns")), max(height, find_number(parameters, "/Rows"))


def find_number(dictionary: pikepdf.Object, *keys: str) -> int:
    """A non-negative integer, 0 where there is none: damaged files put anything here."""
    for key in keys:
        value = dictionary.get(key)
        try:
            if value is not None:
                return max(0, int(value))
        except (TypeError, ValueError, OverflowError):
            continue
    return 0


def check_filters(stream: pikepdf.Stream) -> None:
    """Raises DocumentError where no reader could decode a page's content."""
    unknown = [name for name in find_filters(stream) if name not in CONTENT_FILTERS]
    if unknown:
        raise DocumentError(
            Reason.UNSUPPORTED_FILTER,
            "The content of a page is compressed in a way that no reader here knows; print it to a new PDF.",
        )
