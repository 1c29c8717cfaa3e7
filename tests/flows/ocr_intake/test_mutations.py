"""Sound documents, broken by code: whatever is cut off or flipped, the ending has a name."""

import random
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from tests.flows.ocr_intake import handwritten as hand
from tests.flows.ocr_intake.forked import Ending, work_in_child

TYPED = {"done", "review", "quarantined"}


def sources(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Text, an invoice, a signature, a scan, object streams, two image formats."""
    yield "text.pdf", hand.text_pdf()
    yield "invoice.pdf", hand.attachment_pdf(b"factur-x.xml")
    yield "signed.pdf", hand.signed_pdf()
    scan = hand.write_scan(folder / "scan.pdf", hand.draw_page(size=(620, 877)))
    yield "scan.pdf", scan.read_bytes()
    with pikepdf.open(scan) as pdf:
        pdf.save(folder / "packed.pdf", object_stream_mode=pikepdf.ObjectStreamMode.generate, linearize=True)
    yield "packed.pdf", (folder / "packed.pdf").read_bytes()
    for name in ("scan.png", "scan.jpg", "scan.tif"):
        yield name, hand.write_scan(folder / name, hand.draw_page(size=(620, 877))).read_bytes()


def cuts(content: bytes, steps: int) -> Iterator[tuple[str, bytes]]:
    for step in range(1, steps):
        yield f"cut-{step}", content[: len(content) * step // steps]


def flips(content: bytes, copies: int, bytes_flipped: int) -> Iterator[tuple[str, bytes]]:
    generator = random.Random(len(content))
    for copy in range(copies):
        broken = bytearray(content)
        for _ in range(bytes_flipped):
            broken[generator.randrange(len(broken))] ^= 1 << generator.randrange(8)
        yield f"flip-{bytes_flipped}-{copy}", bytes(broken)


def digits(content: bytes, copies: int) -> Iterator[tuple[str, bytes]]:
    """Other numbers where numbers are: lengths, offsets, references and sizes go wrong, syntax stays."""
    generator = random.Random(len(content))
    places = [place for place, byte in enumerate(content) if 48 <= byte <= 57]
    for copy in range(copies):
        broken = bytearray(content)
        for place in generator.sample(places, k=min(6, len(places))):
            broken[place] = generator.choice(b"0123456789")
        yield f"digits-{copy}", bytes(broken)


def run(tmp_path: Path, name: str, content: bytes) -> Ending:
    document = tmp_path / name
    document.write_bytes(content)
    return work_in_child(document, tmp_path / f"{name}-scratch", seconds=60)


def test_every_cut_of_a_document_ends_typed(tmp_path: Path) -> None:
    """A transfer may break off anywhere."""
    for name, content in (("text.pdf", hand.text_pdf()), ("signed.pdf", hand.signed_pdf())):
        for cut, part in cuts(content, 20):
            assert run(tmp_path, f"{cut}-{name}", part).outcome in TYPED, (name, cut)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_mutation_ends_untyped(tmp_path: Path) -> None:
    """Cuts at every twentieth, flipped bits, other digits: none crashes, none hangs, all are named."""
    endings = {}
    for name, content in sources(tmp_path):
        mutations = [*cuts(content, 20), *flips(content, 15, 1), *flips(content, 15, 20), *digits(content, 15)]
        for mutation, broken in mutations:
            endings[f"{mutation}-{name}"] = run(tmp_path, f"{mutation}-{name}", broken)
    untyped = {name: ending for name, ending in endings.items() if ending.outcome not in TYPED}
    assert len(endings) > 500
    assert not untyped
