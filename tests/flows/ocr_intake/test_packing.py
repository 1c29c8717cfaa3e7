"""Pages are kept small, and come out as they went in."""

import pickle

from ocrmypdf.hocrtransform import OcrElement
from ocrmypdf.models.ocr_element import BoundingBox, OcrClass

from flows.ocr_intake.packing import PackedPage


def page() -> OcrElement:
    words = [
        OcrElement(OcrClass.WORD, bbox=BoundingBox(10 * index, 0, 10 * index + 9, 12), text=f"word{index}")
        for index in range(300)
    ]
    line = OcrElement(OcrClass.LINE, bbox=BoundingBox(0, 0, 3000, 12), children=words)
    paragraph = OcrElement(OcrClass.PARAGRAPH, children=[line])
    return OcrElement(OcrClass.PAGE, bbox=BoundingBox(0, 0, 3000, 4000), dpi=300.0, page_number=4, children=[paragraph])


def test_everything_that_a_page_holds_comes_back() -> None:
    """The renderer of the text layer sees no difference."""
    packed = PackedPage(page())
    assert (packed.bbox, packed.dpi, packed.page_number) == (page().bbox, 300.0, 4)
    assert packed.paragraphs == page().paragraphs
    assert packed.words == page().words


def test_a_packed_page_travels_between_processes() -> None:
    """A helper's page arrives packed."""
    arrived = pickle.loads(pickle.dumps(PackedPage(page())))
    assert arrived.words == page().words
    assert len(pickle.dumps(arrived)) < len(pickle.dumps(page())) / 2
