"""Pages that were read, kept small until the text layer is written: OCRmyPDF holds all of them until its last page."""

import pickle
import zlib

from ocrmypdf.hocrtransform import OcrElement


class PackedPage(OcrElement):
    """A page whose words are unpacked each time they are asked for: 20 bytes for a word instead of 700."""

    def __init__(self, page: OcrElement) -> None:
        self._packed = zlib.compress(pickle.dumps(page.children, pickle.HIGHEST_PROTOCOL), level=1)
        super().__init__(page.ocr_class, bbox=page.bbox, dpi=page.dpi, page_number=page.page_number)

    @property
    def children(self) -> list[OcrElement]:
        children: list[OcrElement] = pickle.loads(zlib.decompress(self._packed))  # noqa: S301 - packed above
        return children

    @children.setter
    def children(self, children: list[OcrElement]) -> None:
        """The base class sets an empty list."""
