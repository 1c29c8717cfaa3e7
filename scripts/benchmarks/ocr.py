"""`scripts/bench ocr`: scans through the deployed workflow, against xargs and against the bare recogniser."""

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.documents import link_documents, write_long_scan
from scripts.benchmarks.floor import measure_floor
from scripts.benchmarks.page_images import draw_page_images
from scripts.benchmarks.recall import mean_recall, read_truths
from scripts.benchmarks.rivals import Spent, check_program, run_xargs
from scripts.benchmarks.stand import Cost, Stand, open_stand
from scripts.benchmarks.telling import describe_machine, note


@dataclass(frozen=True)
class Round:
    """Everything once, one after the other, so that a change of the machine's mood meets all."""

    fixed: Cost
    ours: Cost
    xargs: Spent
    xargs_one_thread: Spent
    floor_core_seconds: float


def measure_ocr(folder: Path, truth: Path | None, rounds: int, big_pages: int) -> dict[str, Any]:
    """`big_pages`: of the one long scan. Raises ConfigError where something to compare with is missing."""
    check_program()
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch, ExitStack() as open_things:
        place = Path(scratch)
        source = link_documents(folder, place / "source")
        documents = sorted(source.iterdir())
        images = draw_page_images(source, place / "images")
        stand = open_things.enter_context(open_stand())
        told = [_run_round(stand, source, documents, images, place / str(number)) for number in range(rounds)]
        forecast = stand.run(source, dry_run=True).report.forecast or {}
        result = _compare(told, documents, images, forecast["core_seconds"])
        result["big_scan"] = _measure_big(stand, documents, place, rounds, big_pages)
        result.update(_measure_recall(stand, truth, place))
    return {"benchmark": "ocr", "machine": describe_machine(), "rounds": rounds, **result}


def _run_round(stand: Stand, source: Path, documents: Sequence[Path], images: Sequence[Path], place: Path) -> Round:
    empty = place / "empty"
    empty.mkdir(parents=True)
    cores = stand.settings.cores
    done = Round(
        fixed=stand.run(empty),
        ours=stand.run(source),
        xargs=run_xargs(documents, place / "xargs", cores, one_thread=False),
        xargs_one_thread=run_xargs(documents, place / "one-thread", cores, one_thread=True),
        floor_core_seconds=measure_floor(images, cores),
    )
    note(
        f"round: ours {done.ours.wall_seconds:.1f} s, {done.ours.core_seconds:.1f} core-s; empty "
        f"{done.fixed.wall_seconds:.1f} s, {done.fixed.core_seconds:.1f}; xargs {done.xargs.wall_seconds:.1f} s, "
        f"{done.xargs.core_seconds:.1f}; one thread {done.xargs_one_thread.wall_seconds:.1f} s, "
        f"{done.xargs_one_thread.core_seconds:.1f}; floor {done.floor_core_seconds:.1f} core-s"
    )
    return done


def _compare(
    rounds: Sequence[Round], documents: Sequence[Path], images: Sequence[Path], forecast: float
) -> dict[str, Any]:
    ours = [each.ours.minus(each.fixed) for each in rounds]
    wall, core = (median(getattr(cost, name) for cost in ours) for name in ("wall_seconds", "core_seconds"))
    rivals = {name: _median([getattr(each, name) for each in rounds]) for name in ("xargs", "xargs_one_thread")}
    floor = median(each.floor_core_seconds for each in rounds)
    reports = [each.ours.report for each in rounds]
    return {
        "compared": "a run of the deployed workflow, with xargs -P(cores) ocrmypdf by its defaults and with --jobs 1"
        " under OMP_THREAD_LIMIT=1, and with tesserocr alone on the same page images; medians of the rounds",
        "documents": len(documents),
        "pages_recognised": len(images),
        "outcomes": {name: [getattr(report, name) for report in reports] for name in ("done", "review", "quarantined")},
        "wall_ratio": min(spent.wall_seconds for spent in rivals.values()) / wall,
        "cpu_ratio": min(spent.core_seconds for spent in rivals.values()) / core,
        "efficiency": floor / core,
        "cpu_ratio_of_the_floor": min(spent.core_seconds for spent in rivals.values()) / floor,
        "wall_seconds": wall,
        "core_seconds": core,
        "fixed_wall_seconds": median(each.fixed.wall_seconds for each in rounds),
        "fixed_core_seconds": median(each.fixed.core_seconds for each in rounds),
        "floor_core_seconds": floor,
        **{name: asdict(spent) for name, spent in rivals.items()},
        "forecast_core_seconds": forecast,
        "forecast_ratio": forecast / core,
    }


def _median(spent: Sequence[Spent]) -> Spent:
    return Spent(
        median(each.wall_seconds for each in spent),
        median(each.core_seconds for each in spent),
        max(each.failed for each in spent),
    )


def _measure_big(stand: Stand, documents: Sequence[Path], place: Path, rounds: int, pages: int) -> dict[str, Any]:
    """One long scan with all cores, and with one child."""
    source, empty = place / "big", place / "nothing"
    source.mkdir()
    empty.mkdir()
    write_long_scan(documents, source / "long.pdf", pages)
    all_cores, one_child = [], []
    for _ in range(rounds):
        fixed = stand.run(empty).wall_seconds
        all_cores.append(stand.run(source).wall_seconds - fixed)
        one_child.append(stand.run(source, environment={"MAILROOM_CORES": "1"}).wall_seconds - fixed)
    wall, alone = median(all_cores), median(one_child)
    return {"pages": pages, "wall_seconds": wall, "wall_seconds_one_child": alone, "wall_ratio": wall / alone}


def _measure_recall(stand: Stand, truth: Path | None, place: Path) -> dict[str, Any]:
    truths = read_truths(truth) if truth else {}
    if not truth or not truths:
        return {"word_recall": None, "word_recall_ocrmypdf": None}
    source = place / "truth"
    source.mkdir()
    pages = [truth / name for name in truths]
    for page in pages:
        (source / page.name).symlink_to(page.resolve())
    ours = Path(stand.run(source).report.destination)
    run_xargs(pages, place / "truth-xargs", stand.settings.cores, one_thread=True)
    return {
        "truth_pages": len(truths),
        "word_recall": mean_recall(truths, ours),
        "word_recall_ocrmypdf": mean_recall(truths, place / "truth-xargs"),
    }
