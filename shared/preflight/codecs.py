"""The pixel dimensions that compressed images state in their own headers, which a PDF dictionary may contradict."""

import struct

Size = tuple[int, int]

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xDA)})
JBIG2_SIZED = frozenset({4, 6, 7, 20, 22, 23, 36, 38, 39, 40, 42, 43, 48})
"""Segments that begin with a width and a height: text, halftone, generic and refinement regions, and the page."""
JBIG2_LONG_REFERENCES = 7
JBIG2_UNKNOWN = 0xFFFFFFFF


def find_image_size(filter_name: str, data: bytes | memoryview) -> Size | None:
    """Width and height in pixels; None where the header is missing or damaged."""
    finder = {"/DCTDecode": find_jpeg_size, "/DCT": find_jpeg_size, "/JPXDecode": find_jpx_size}
    finder["/JBIG2Decode"] = find_jbig2_size
    try:
        return finder[filter_name](bytes(data[: 1 << 20])) if filter_name in finder else None
    except (struct.error, IndexError):
        return None


def find_jpeg_size(data: bytes) -> Size | None:
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF:
            position += 1
            continue
        marker = data[position + 1]
        if marker == 0xFF or marker in _JPEG_BARE:
            position += 1 if marker == 0xFF else 2
            continue
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, position + 5)
            return width, height
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return None


def find_jpx_size(data: bytes) -> Size | None:
    """From the SIZ marker of the code stream: decoders go by it, not by the boxes around."""
    siz = data.find(b"\xff\x4f\xff\x51")
    if siz < 0:
        return None
    right, bottom, left, top = struct.unpack_from(">IIII", data, siz + 8)
    return max(0, right - left), max(0, bottom - top)


def find_jbig2_size(data: bytes) -> Size | None:
    """The larger of the page and any region drawn on it, in an embedded stream (ITU-T T.88, 7.2 and 7.4)."""
    sizes: list[Size] = []
    position = 0
    while position + 11 <= len(data):
        flags, referred = data[position + 4], data[position + 5] >> 5
        if referred == JBIG2_LONG_REFERENCES:
            break
        number = int.from_bytes(data[position : position + 4], "big")
        reference_bytes = 1 if number <= 256 else 2 if number <= 65536 else 4
        header = 6 + referred * reference_bytes + (4 if flags & 0x40 else 1)
        length = int.from_bytes(data[position + header : position + header + 4], "big")
        if flags & 0x3F in JBIG2_SIZED and position + header + 12 <= len(data):
            width, height = struct.unpack_from(">II", data, position + header + 4)
            sizes.append((width, 0 if height == JBIG2_UNKNOWN else height))
        if length == JBIG2_UNKNOWN:
            break
        position += header + 4 + length
    return max(sizes, key=lambda size: size[0] * size[1], default=None)
