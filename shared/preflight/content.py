"""What drawing a page would take, from its content streams and the forms that they call."""

import re
from collections.abc import Iterator

import pikepdf

from shared.budgets import Budget
from shared.preflight.bombs import MEGABYTE, decompression_bomb
from shared.preflight.streams import READ_ERRORS, check_pixels, read_name

PARSED_CONTENT_BYTES = 16 * MEGABYTE
"""Longer content is measured and not searched: a bomb built from calls does not need so much."""
CALLS_COST = 4
"""Drawing a form again costs no memory, only time: so much more of it than of new content."""
MAX_FORM_DEPTH = 30
"""Acrobat's own limit is 28 (PDF 32000, annex C); pdfium stops at 30."""
_CALL = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+Do\b")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_INLINE_IMAGE = re.compile(rb"\bBI\b(.{0,512}?)\bID\s", re.DOTALL)
_INLINE_NUMBER = re.compile(rb"/(W|Width|H|Height)\s+(\d{1,12})")


class ContentCost:
    """Bytes of content that a page costs once every call to a form is written out, as readers do."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._costs: dict[tuple[tuple[int, int], int], int] = {}
        """By form and by depth below the page: a form may draw itself, and readers go on to a depth."""
        self._data: dict[tuple[int, int], bytes] = {}
        self._limit = CALLS_COST * budget.max_decompressed_megabytes * MEGABYTE

    def check_page(self, page: pikepdf.Dictionary) -> None:
        """Raises DocumentError where the calls multiply beyond the budget."""
        data = b"\n".join(read_content(stream) for stream in find_contents(page))
        self._check_inline_images(data)
        if self._cost_of(data, page.get("/Resources"), 0) > self._limit:
            raise decompression_bomb("The drawing instructions of a page", self._limit)

    def _cost_of(self, data: bytes, resources: object, depth: int) -> int:
        cost = len(data)
        forms = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        if not isinstance(forms, pikepdf.Dictionary) or depth >= MAX_FORM_DEPTH:
            return cost
        for name, calls in _count_calls(data).items():
            form = forms.get(f"/{name}")
            if isinstance(form, pikepdf.Stream) and read_name(form.get("/Subtype")) == "/Form":
                cost += calls * self._cost_of_form(form, resources, depth + 1)
            if cost > self._limit:
                break
        return cost

    def _cost_of_form(self, form: pikepdf.Stream, inherited: object, depth: int) -> int:
        key = (form.objgen, depth)
        if key not in self._costs:
            if form.objgen not in self._data:
                self._data[form.objgen] = read_content(form)
                self._check_inline_images(self._data[form.objgen])
            self._costs[key] = self._cost_of(self._data[form.objgen], form.get("/Resources", inherited), depth)
        return self._costs[key]

    def _check_inline_images(self, data: bytes) -> None:
        for match in _INLINE_IMAGE.finditer(data):
            sides = [int(number) for _name, number in _INLINE_NUMBER.findall(match[1])]
            if len(sides) == 2:
                check_pixels(sides[0] * sides[1], self._budget)


def _count_calls(data: bytes) -> dict[str, int]:
    calls: dict[str, int] = {}
    for match in _CALL.finditer(data):
        name = _ESCAPE.sub(lambda code: bytes([int(code[1], 16)]), match[1]).decode("latin-1")
        calls[name] = calls.get(name, 0) + 1
    return calls


def find_contents(page: pikepdf.Dictionary) -> Iterator[pikepdf.Stream]:
    contents = page.get("/Contents")
    items = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    return (item for item in items if isinstance(item, pikepdf.Stream))


def read_content(stream: pikepdf.Stream) -> bytes:
    """Decoded, or empty where it is damaged or long: streams were measured before, so this is bounded."""
    try:
        data = stream.read_bytes()
    except READ_ERRORS:
        return b""
    return data if len(data) <= PARSED_CONTENT_BYTES else b" " * len(data)
