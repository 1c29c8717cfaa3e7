"""`scripts/bench memory`: what stays in memory over many documents, and what one long document takes."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.documents import write_letters, write_long_scan
from scripts.benchmarks.processes import Footprint, read_footprint
from scripts.benchmarks.stand import Cost, Stand, open_stand
from scripts.benchmarks.telling import describe_machine, note
from shared.ledger import Ledger

FIRST, LAST = 1_000, 10_000
SHORT, LONG = 10, 100
PEAK_RUNS = 3
"""It depends on where the helper is when the owner is at its largest."""
TIGHT_MEGABYTES = 40
LOOK_SECONDS = 2.0
MEGABYTE = 1e6


@dataclass
class Watch:
    """Footprints of a run, each with the number of documents that were settled at that moment."""

    stand: Stand
    samples: list[tuple[int, Footprint]] = field(default_factory=list)
    _looked: float = 0.0

    def look(self, ledger_file: Path) -> None:
        if time.monotonic() - self._looked < LOOK_SECONDS or not ledger_file.exists():
            return
        self._looked = time.monotonic()
        with closing(Ledger.open(f"sqlite:///{ledger_file}")) as ledger:
            batches = ledger.latest_batches(1)
            ends = ledger.count_outcomes(batches[0].id) if batches else {}
        settled = sum(count for outcome, count in ends.items() if outcome)
        self.samples.append((settled, read_footprint(self.stand.worker)))

    def standing_after(self, documents: int) -> float:
        """Megabytes of worker, flow and fork server once so many were settled, or at the last look before the end."""
        alive = [(settled, sample.standing) for settled, sample in self.samples if sample.fork_server]
        reached = [size for settled, size in alive if settled >= documents]
        return (reached[0] if reached else alive[-1][1]) / MEGABYTE


def measure_memory(scans: Path, *, first: int = FIRST, last: int = LAST) -> dict[str, Any]:
    """`scans` gives the pages for long documents."""
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch, open_stand() as stand:
        place = Path(scratch)
        watch = Watch(stand)
        done = stand.run(write_letters(place / "letters", last), watch=watch.look)
        note(f"{done.report.sentence}: {done.wall_seconds:.0f} s")
        documents = sorted(path for path in scans.iterdir() if path.suffix.lower() == ".pdf")
        peaks = {pages: _measure_peak(stand, documents, place, pages) for pages in (SHORT, LONG)}
        tight = _run_long(stand, documents, place, SHORT, {"budget": {"memory_megabytes": TIGHT_MEGABYTES}})
    early, late = watch.standing_after(first), watch.standing_after(last)
    return {
        "benchmark": "memory",
        "machine": describe_machine(),
        "compared": f"PSS of worker, flow and fork server after {first} and {last} documents of one page; peak PSS of"
        f" the process group of one scan of {SHORT} and of one of {LONG} pages, above the warm server"
        f" (medians of {PEAK_RUNS})",
        "standing_megabytes": {str(first): early, str(last): late},
        "growth_megabytes": late - early,
        "peak_megabytes": {str(pages): peak for pages, peak in peaks.items()},
        "peak_ratio": peaks[LONG] / peaks[SHORT],
        "limit_megabytes": TIGHT_MEGABYTES,
        "limit_is_honoured": tight.report.reasons == {"out_of_memory": 1},
    }


def _measure_peak(stand: Stand, documents: Sequence[Path], place: Path, pages: int) -> float:
    """Megabytes, a median; with all cores, so that helpers count."""
    peaks = []
    for _ in range(PEAK_RUNS):
        cost = _run_long(stand, documents, place, pages, {})
        with closing(Ledger.open(cost.ledger_url)) as ledger:
            (receipt,) = ledger.receipts(cost.report.batch).values()
        note(f"{pages} pages: peak {receipt.peak_bytes / MEGABYTE:.0f} MB")
        peaks.append(receipt.peak_bytes / MEGABYTE)
    return median(peaks)


def _run_long(stand: Stand, documents: Sequence[Path], place: Path, pages: int, parameters: dict[str, object]) -> Cost:
    source = place / f"long-{pages}-{len(parameters)}"
    if not source.exists():
        source.mkdir()
        write_long_scan(documents, source / "long.pdf", pages)
    return stand.run(source, parameters=parameters)
