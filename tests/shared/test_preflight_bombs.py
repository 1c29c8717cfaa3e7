"""Bombs are refused from headers and by counting: quickly, and without the memory that they ask for."""

import io
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from shared.budgets import Budget
from shared.errors import DocumentError
from shared.outcomes import Reason
from shared.preflight import survey_pdf
from tests.flows.ocr_intake import handwritten as hand

GRAY = b"/ColorSpace/DeviceGray/BitsPerComponent 8"


def deflated_zeros(megabytes: int) -> bytes:
    """Built from one megabyte at a time."""
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(megabytes)) + packer.flush()


def jpeg_that_states(width: int, height: int) -> bytes:
    target = io.BytesIO()
    Image.new("L", (8, 8)).save(target, "JPEG")
    data = bytearray(target.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def content_bomb() -> bytes:
    return hand.content_pdf(deflated_zeros(600), b"/Filter/FlateDecode")


def twice_packed() -> bytes:
    return hand.content_pdf(zlib.compress(deflated_zeros(600), 9), b"/Filter[/FlateDecode/FlateDecode]")


def packed_as_digits() -> bytes:
    return hand.content_pdf(deflated_zeros(600).hex().encode() + b">", b"/Filter[/ASCIIHexDecode/FlateDecode]")


def many_filters() -> bytes:
    return hand.content_pdf(b"x", b"/Filter[%s]" % (b"/FlateDecode" * 40))


def object_stream() -> bytes:
    return hand.text_pdf(extra=[hand.stream(deflated_zeros(600), b"/Type/ObjStm/N 1/First 4/Filter/FlateDecode")])


def image_fuller_than_promised() -> bytes:
    return hand.image_pdf(deflated_zeros(300), b"/Width 100/Height 100/Filter/FlateDecode" + GRAY)


def content_as_giant_image() -> bytes:
    page_information = struct.pack(">IBBBI", 0, 48, 0, 1, 19) + struct.pack(">IIII", 100_000, 100_000, 0, 0) + bytes(3)
    return hand.content_pdf(page_information, b"/Filter/JBIG2Decode")


def forms_in_forms() -> bytes:
    return hand.forms_pdf(levels=10, calls=10)


def form_in_itself() -> bytes:
    form = hand.stream(b"/F Do /F Do", b"/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</F 5 0 R>>>>")
    page = hand.page(b"/Contents 4 0 R/Resources<</XObject<</F 5 0 R>>>>")
    return hand.render_pdf([hand.CATALOG, hand.PAGES, page, hand.stream(b"/F Do"), form])


def one_stream_many_times() -> bytes:
    page = hand.page(b"/Contents[%s]" % (b"4 0 R " * 1000))
    return hand.render_pdf([hand.CATALOG, hand.PAGES, page, hand.stream(deflated_zeros(30), b"/Filter/FlateDecode")])


def cross_reference_stream() -> bytes:
    body = b"%%PDF-1.7\n1 0 obj\n%s\nendobj\n2 0 obj\n%s\nendobj\n3 0 obj\n%s\nendobj\n"
    body %= (hand.CATALOG, hand.PAGES, hand.page(b""))
    table = hand.stream(deflated_zeros(600), b"/Type/XRef/Size 5/W[1 4 2]/Root 1 0 R/Filter/FlateDecode")
    return body + b"4 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF" % (table, len(body))


def promised_pixels() -> bytes:
    return hand.image_pdf(b"", b"/Width 50000/Height 50000/Filter/FlateDecode" + GRAY)


def jpeg_header() -> bytes:
    return hand.image_pdf(jpeg_that_states(60_000, 60_000), b"/Width 10/Height 10/Filter/DCTDecode" + GRAY)


def packed_jpeg_header() -> bytes:
    packed = zlib.compress(jpeg_that_states(60_000, 60_000))
    return hand.image_pdf(packed, b"/Width 10/Height 10/Filter[/FlateDecode/DCTDecode]" + GRAY)


def jpeg_2000_header() -> bytes:
    size = b"\xff\x4f\xff\x51" + struct.pack(">HHIIII", 41, 0, 60_000, 60_000, 0, 0) + bytes(40)
    return hand.image_pdf(size, b"/Width 10/Height 10/Filter/JPXDecode" + GRAY)


def fax_parameters() -> bytes:
    parameters = b"/DecodeParms<</K -1/Columns 1000000/Rows 1000000>>"
    return hand.image_pdf(b"\0", b"/Width 10/Height 10/Filter/CCITTFaxDecode" + parameters + GRAY)


def inline_image() -> bytes:
    return hand.content_pdf(b"q BI /W 60000 /H 60000 /CS /G /BPC 8 ID x EI Q")


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (content_bomb, Reason.BOMB),
        (twice_packed, Reason.BOMB),
        (packed_as_digits, Reason.BOMB),
        (many_filters, Reason.BOMB),
        (object_stream, Reason.BOMB),
        (cross_reference_stream, Reason.BOMB),
        (image_fuller_than_promised, Reason.BOMB),
        (content_as_giant_image, Reason.BOMB),
        (forms_in_forms, Reason.BOMB),
        (form_in_itself, Reason.BOMB),
        (one_stream_many_times, Reason.BOMB),
        (promised_pixels, Reason.TOO_BIG),
        (jpeg_header, Reason.TOO_BIG),
        (packed_jpeg_header, Reason.TOO_BIG),
        (jpeg_2000_header, Reason.TOO_BIG),
        (fax_parameters, Reason.TOO_BIG),
        (inline_image, Reason.TOO_BIG),
    ],
)
def test_a_bomb_is_refused_in_a_second(tmp_path: Path, bomb: Callable[[], bytes], reason: Reason) -> None:
    """Every way to promise or unpack too much has its refusal, well under a second."""
    path = tmp_path / "bomb.pdf"
    path.write_bytes(bomb())
    started = time.process_time()
    with pytest.raises(DocumentError) as refusal:
        survey_pdf(path, Budget())
    assert refusal.value.reason is reason
    assert time.process_time() - started < 1


def test_counting_keeps_little(tmp_path: Path) -> None:
    """Six hundred megabytes are counted with a few in hand."""
    path = tmp_path / "bomb.pdf"
    path.write_bytes(content_bomb())
    tracemalloc.start()
    with pytest.raises(DocumentError):
        survey_pdf(path, Budget())
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


def test_a_refusal_names_the_budget_that_would_lift_it(tmp_path: Path) -> None:
    """The same document passes once the operator allows what it needs."""
    path = tmp_path / "large.pdf"
    path.write_bytes(hand.content_pdf(deflated_zeros(3), b"/Filter/FlateDecode"))
    with pytest.raises(DocumentError) as refusal:
        survey_pdf(path, Budget(max_decompressed_megabytes=2))
    assert refusal.value.depends_on == ("budget.max_decompressed_megabytes",)
    assert survey_pdf(path, Budget(max_decompressed_megabytes=4)).pages == 1


def test_a_form_that_draws_itself_once_is_no_bomb(tmp_path: Path) -> None:
    """Readers stop at a depth; only calls that multiply are refused."""
    path = tmp_path / "self.pdf"
    path.write_bytes(form_in_itself().replace(b"/F Do /F Do", b"/F Do      "))
    assert survey_pdf(path, Budget()).pages == 1
