"""`scripts/bench small`: many one-page born-digital documents, where all that is not their own work shows."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.bare import measure_bare
from scripts.benchmarks.documents import write_letters
from scripts.benchmarks.rivals import check_program, run_xargs
from scripts.benchmarks.stand import Cost, Stand, open_stand
from scripts.benchmarks.telling import describe_machine, note

FEW, MANY, RIVALS = 1_000, 10_000, 200
ONE_EACH = {"MAILROOM_SLICE_SECONDS": "0"}


@dataclass(frozen=True)
class Scale:
    """One size of batch: what its documents cost, medians of the rounds."""

    documents: int
    cost: Sequence[Cost]

    @property
    def core_seconds_per_document(self) -> float:
        return median(each.core_seconds for each in self.cost) / self.documents

    @property
    def flow_and_server_per_document(self) -> float:
        return median(each.server_core_seconds + each.flow_core_seconds for each in self.cost) / self.documents

    @property
    def wall_seconds(self) -> float:
        return median(each.wall_seconds for each in self.cost)


def measure_small(rounds: int, *, few: int = FEW, many: int = MANY) -> dict[str, Any]:
    """Raises ConfigError where OCRmyPDF's program could not run."""
    check_program()
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch, open_stand() as stand:
        place = Path(scratch)
        empty = write_letters(place / "empty", 0)
        letters, more = write_letters(place / "few", few), write_letters(place / "many", many)
        fixed = _find_median([stand.run(empty) for _ in range(rounds)])
        # The machine's mood changes by a tenth within minutes: small batches before the large one, and after it.
        early = [_measure(stand, letters, fixed) for _ in range(rounds)]
        large = Scale(many, [_measure(stand, more, fixed)])
        small = Scale(few, early + [_measure(stand, letters, fixed) for _ in range(rounds)])
        single = Scale(few, [_measure(stand, letters, fixed, ONE_EACH)])
        runner = (measure_bare(letters, place / "bare") - measure_bare(empty, place / "bare-empty")) / few
        rivals = _measure_rivals(sorted(letters.iterdir())[: min(RIVALS, few)], place, stand.settings.cores)
    return {
        "benchmark": "small",
        "machine": describe_machine(),
        "compared": f"{few} documents ({rounds} rounds before and as many after, medians) and {many} (once) through the"
        f" deployed workflow, less an empty run; the runner without Prefect; xargs ocrmypdf on {RIVALS} at most",
        "rounds": rounds,
        **_compare(small, large, runner, rivals),
        "fixed_core_seconds": fixed.core_seconds,
        "fixed_wall_seconds": fixed.wall_seconds,
        "one_task_run_per_document": _tell_single(single, runner),
    }


def _compare(small: Scale, large: Scale, runner: float, rivals: Mapping[str, float]) -> dict[str, Any]:
    ours, scales = small.core_seconds_per_document, (small, large)
    per_scale = {str(scale.documents): 1000 * scale.core_seconds_per_document for scale in scales}
    return {
        "cost_growth": large.core_seconds_per_document / ours,
        "orchestration_ms_per_document": 1000 * (large.flow_and_server_per_document - runner),
        "task_runs_lost": sum(cost.task_runs_lost for scale in scales for cost in scale.cost),
        "cpu_ratio_xargs": rivals["xargs"] / ours,
        "cpu_ratio_xargs_one_thread": rivals["xargs_one_thread"] / ours,
        "core_ms_per_document": {
            **per_scale,
            **{name: 1000 * seconds for name, seconds in rivals.items()},
            "runner_in_the_flow_process": 1000 * runner,
        },
        "wall_seconds": {str(scale.documents): scale.wall_seconds for scale in scales},
        "task_runs": {str(scale.documents): scale.cost[-1].task_runs for scale in scales},
        "outcomes": {str(scale.documents): scale.cost[-1].report.sentence for scale in scales},
    }


def _find_median(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.core_seconds)[len(costs) // 2]


def _measure(stand: Stand, source: Path, fixed: Cost, environment: dict[str, str] | None = None) -> Cost:
    cost = stand.run(source, environment=environment)
    note(f"{cost.report.sentence}: {cost.wall_seconds:.1f} s, {cost.core_seconds:.1f} core-s in {cost.task_runs} tasks")
    return cost.minus(fixed)


def _measure_rivals(documents: Sequence[Path], place: Path, cores: int) -> dict[str, float]:
    """CPU seconds per document."""
    found = {
        "xargs": run_xargs(documents, place / "xargs", cores, one_thread=False),
        "xargs_one_thread": run_xargs(documents, place / "one-thread", cores, one_thread=True),
    }
    return {name: spent.core_seconds / len(documents) for name, spent in found.items()}


def _tell_single(single: Scale, runner: float) -> dict[str, Any]:
    return {
        "core_ms_per_document": 1000 * single.core_seconds_per_document,
        "orchestration_ms_per_document": 1000 * (single.flow_and_server_per_document - runner),
        "task_runs": single.cost[-1].task_runs,
        "task_runs_lost": single.cost[-1].task_runs_lost,
        "wall_seconds": single.wall_seconds,
    }
