"""Copies of pages whose text is known, made worse by code, and how confidence follows recall on them.

`uv run python -m tests.flows.ocr_intake.degraded CORPUS` prints the table that docs/confidence.md shows.
"""

import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter

from flows.ocr_intake import steps
from shared.budgets import Budget
from shared.outcomes import Outcome
from shared.workflows import Job

PAGES = ("8071_093.3B", "eurotext", "phototest")
DPI = 300
Degrade = Callable[[Image.Image], Image.Image]


@dataclass(frozen=True)
class Measurement:
    """One reading of one copy of one page."""

    page: str
    copy: str
    confidence: float
    """Mean word confidence; 0 where nothing was read."""
    recall: float
    """Share of the true words that were read, as a bag: order does not count."""
    words: int


def find_words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text.lower()))


def word_recall(truth: str, text: str) -> float:
    wanted = find_words(truth)
    return sum((wanted & find_words(text)).values()) / max(1, wanted.total())


def blur(radius: float) -> Degrade:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius))


def skew(degrees: float) -> Degrade:
    return lambda image: image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def low_resolution(share: float) -> Degrade:
    """Fewer pixels for the same paper, as from a bad scanner: the resolution in the file stays 300."""

    def degrade(image: Image.Image) -> Image.Image:
        small = image.resize((round(image.width * share), round(image.height * share)), Image.Resampling.BILINEAR)
        return small.resize(image.size, Image.Resampling.BILINEAR)

    return degrade


def noise(deviation: float) -> Degrade:
    """Grey grain on every pixel; seeded, so that a copy is the same on every machine."""

    def degrade(image: Image.Image) -> Image.Image:
        generator = random.Random(int(deviation))
        grain = bytes(min(255, max(0, round(generator.gauss(128, deviation)))) for _ in range(1 << 16))
        pixels = image.width * image.height
        offsets = generator.choices(range(1 << 15), k=pixels // (1 << 15) + 1)
        data = b"".join(grain[offset : offset + (1 << 15)] for offset in offsets)[:pixels]
        return ImageChops.add(image, Image.frombytes("L", image.size, data), offset=-128)

    return degrade


def specks(share: float) -> Degrade:
    """Black dots on so many of the pixels."""

    def degrade(image: Image.Image) -> Image.Image:
        generator = random.Random(int(share * 1000))
        copy = image.copy()
        for _ in range(int(share * image.width * image.height)):
            copy.putpixel((generator.randrange(image.width), generator.randrange(image.height)), 0)
        return copy

    return degrade


def fade(contrast: float) -> Degrade:
    return lambda image: image.point(lambda value: 255 - (255 - value) * contrast)


COPIES: dict[str, Degrade] = {
    "as scanned": lambda image: image,
    **{f"blur {radius}": blur(radius) for radius in (1, 1.5, 2, 2.5, 3, 4)},
    **{f"noise {deviation}": noise(deviation) for deviation in (40, 80, 120, 160)},
    **{f"specks {share:.0%}": specks(share) for share in (0.01, 0.03, 0.06, 0.1)},
    **{f"skew {degrees}": skew(degrees) for degrees in (1, 3, 6, 10)},
    **{f"resolution {share:.0%}": low_resolution(share) for share in (0.5, 0.35, 0.28, 0.22, 0.17)},
    "faded": fade(0.15),
}


def degraded_copies(truth: Path, folder: Path) -> Iterator[tuple[str, str, Path, str]]:
    """Page, copy, a PNG of it, and the true text."""
    for page in PAGES:
        text = (truth / f"{page}.txt").read_text(encoding="utf-8", errors="replace")
        with Image.open(truth / f"{page}.tif") as image:
            grey = image.convert("L")
        for copy, degrade in COPIES.items():
            target = folder / f"{page}-{copy.replace(' ', '-').replace('%', '')}.png"
            degrade(grey).save(target, dpi=(DPI, DPI), compress_level=1)
            yield page, copy, target, text


def measure(truth: Path, folder: Path) -> list[Measurement]:
    """Every copy, read through the workflow's own steps."""
    parameters = steps.Parameters()
    steps.warm(parameters)
    found = []
    for page, copy, file, text in degraded_copies(truth, folder):
        scratch = folder / f"{file.stem}-scratch"
        scratch.mkdir()
        product = steps.work(Job(file, scratch, parameters, Budget()))
        read = (scratch / product.files["txt"]).read_text(encoding="utf-8")
        confidence, words = product.facts["mean_confidence"] or 0.0, product.facts["words"]
        found.append(Measurement(page, copy, confidence, word_recall(text, read), words))
    return found


def render_table(measurements: Sequence[Measurement]) -> str:
    """Five points of confidence a row: how many copies, how well they were read, and the worst of them."""
    lines = ["| mean word confidence | copies | mean recall | worst recall |", "|---|---|---|---|"]
    for low in range(0, 100, 5):
        recalls = [each.recall for each in measurements if low <= each.confidence < low + 5]
        if recalls:
            mean = sum(recalls) / len(recalls)
            lines.append(f"| {low} to {low + 5} | {len(recalls)} | {mean:.2f} | {min(recalls):.2f} |")
    return "\n".join(lines)


def render_thresholds(measurements: Sequence[Measurement], good: float = 0.8) -> str:
    """What each threshold lets through and holds back, where a reading is good from a recall of `good`."""
    lines = [
        f"| review below | bad readings let through (recall < {good}) | good readings held back |",
        "|---|---|---|",
    ]
    bad = [each for each in measurements if each.recall < good]
    fine = [each for each in measurements if each.recall >= good]
    for threshold in range(40, 95, 5):
        passed = sum(each.confidence >= threshold for each in bad)
        held = sum(each.confidence < threshold for each in fine)
        lines.append(f"| {threshold} | {passed} of {len(bad)} | {held} of {len(fine)} |")
    return "\n".join(lines)


def render_worst_page(measurements: Sequence[Measurement], good: float = 0.8) -> str:
    """One copy among four good pages: what the mean alone finds, and what judging each page adds."""
    fine = next(each for each in measurements if each.copy == "as scanned" and each.words > 300)
    lines = [
        "| one page of five is a | copies | to review by the mean | to review by mean or page |",
        "|---|---|---|---|",
    ]
    read = [each for each in measurements if each.words]
    for name, copies in (
        (f"bad reading (recall < {good})", [each for each in read if each.recall < good]),
        ("good reading", [each for each in read if each.recall >= good]),
    ):
        by_mean = [_judge_among_good(each, fine, pages=False) for each in copies]
        by_page = [_judge_among_good(each, fine, pages=True) for each in copies]
        lines.append(f"| {name} | {len(copies)} | {sum(by_mean)} | {sum(by_page)} |")
    return "\n".join(lines)


def _judge_among_good(copy: Measurement, fine: Measurement, *, pages: bool) -> bool:
    five = [copy, fine, fine, fine, fine]
    words = sum(each.words for each in five)
    facts = {
        "pages_damaged": [],
        "pages_without_text": [],
        "mean_confidence": sum(each.words * each.confidence for each in five) / words,
        "per_page": [
            {"page_number": number, "words": each.words, "mean_confidence": each.confidence}
            for number, each in enumerate(five if pages else [], start=1)
        ],
    }
    return steps.judge(facts, steps.Parameters()).outcome is Outcome.REVIEW


def render_copies(measurements: Sequence[Measurement]) -> str:
    lines = ["| page | copy | confidence | recall |", "|---|---|---|---|"]
    ordered = sorted(measurements, key=lambda each: each.confidence)
    lines += [f"| {each.page} | {each.copy} | {each.confidence:.1f} | {each.recall:.2f} |" for each in ordered]
    return "\n".join(lines)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        everything = measure(Path(sys.argv[1]) / "truth", Path(scratch))
    tables = (
        render_table(everything),
        render_thresholds(everything),
        render_worst_page(everything),
        render_copies(everything),
    )
    sys.stdout.write("\n\n".join(tables) + "\n")
