"""What drawing a page would take, from its content streams and the forms that they call."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Measured:
    """What is kept of a content stream: its length, and how often it calls which name."""

    length: int
    calls: Mapping[str, int]


class ContentCost:
    """Bytes of content that a page costs once every call to a form is written out, as readers do."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._measured: dict[tuple[int, int], Measured] = {}
        self._costs: dict[tuple[tuple[int, int], int], int] = {}
        """By form and by depth below the page: a form may draw itself, and readers go on to a depth."""
        self._content_limit = budget.max_decompressed_megabytes * MEGABYTE
        self._limit = CALLS_COST * self._content_limit

    def check_page(self, page: pikepdf.Dictionary) -> None:
        """Raises DocumentError where the content is too long, or its calls multiply beyond the budget."""
        length = cost = 0
        for stream in find_contents(page):
            measured = self._measure(stream)
            length += measured.length
            cost += self._cost_of(measured, page.get("/Resources"), 0)
            if length > self._content_limit or cost > self._limit:
                raise decompression_bomb("The drawing instructions of a page", self._content_limit)

    def _measure(self, stream: pikepdf.Stream) -> Measured:
        key = stream.objgen
        if key not in self._measured:
            data = read_content(stream)
            short = len(data) <= PARSED_CONTENT_BYTES
            if short:
                self._check_inline_images(data)
            self._measured[key] = Measured(len(data), _count_calls(data) if short else {})
        return self._measured[key]

    def _cost_of(self, content: Measured, resources: object, depth: int) -> int:
        cost = content.length
        forms = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
        if not isinstance(forms, pikepdf.Dictionary) or depth >= MAX_FORM_DEPTH:
            return cost
        for name, calls in content.calls.items():
            form = forms.get(f"/{name}")
            if isinstance(form, pikepdf.Stream) and read_name(form.get("/Subtype")) == "/Form":
                cost += calls * self._cost_of_form(form, resources, depth + 1)
            if cost > self._limit:
                break
        return cost

    def _cost_of_form(self, form: pikepdf.Stream, inherited: object, depth: int) -> int:
        key = (form.objgen, depth)
        if key not in self._costs:
            self._costs[key] = self._cost_of(self._measure(form), form.get("/Resources", inherited), depth)
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
    """Decoded, or empty where it is damaged: streams were measured before, so this is bounded."""
    try:
        return stream.read_bytes()
    except READ_ERRORS:
        return b""
