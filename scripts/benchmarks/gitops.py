"""`scripts/bench gitops`: plan and apply over many workflows, beside one `prefect deploy` after the other."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from scripts.benchmarks.telling import describe_machine, note
from scripts.benchmarks.workflows import write_repository, write_workflow
from scripts.embedded import start_server, stop_embedded
from shared.errors import ConfigError
from shared.settings import ROOT, Settings

SIZES = (10, 100, 500)
COMPARED = 100
"""Workflows that plain Prefect deploys too, one after the other."""


def measure_gitops(rounds: int, sizes: Sequence[int] = SIZES, compared: int = COMPARED) -> dict[str, Any]:
    """Seconds and ratios, medians of `rounds` but for what happens once. Each size has a server of its own."""
    found = {}
    for size in sizes:
        found[size] = _measure_size(size, rounds, beside_plain=size == compared)
        note(f"{size} workflows: " + ", ".join(f"{name} {value:.1f}" for name, value in found[size].items()))
    largest = max(sizes)
    result: dict[str, Any] = {
        "benchmark": "gitops",
        "machine": describe_machine(),
        "compared": f"gitops plan and apply; prefect deploy of one file; at {compared}, of each file in a loop",
        "rounds": rounds,
        **{f"workflows_{size}": figures for size, figures in found.items()},
        f"plan_seconds_{largest}": found[largest]["plan_seconds"],
        "apply_one_ratio": found[largest]["apply_one_ratio"],
    }
    if compared in found:
        result["apply_all_speedup"] = found[compared]["deploy_all_seconds"] / found[compared]["apply_all_seconds"]
    return result


def _measure_size(size: int, rounds: int, *, beside_plain: bool) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch:
        root = write_repository(Path(scratch) / "repository", size)
        with serve(Path(scratch) / "a") as environment:
            plan = _gitops(root, environment, "plan")
            cold = _time(plan)
            apply_all = _time(_gitops(root, environment, "apply"))
            plans = [_time(plan) for _ in range(rounds)]
            ones, deploys = [], []
            for number in range(rounds):
                path = write_workflow(root, 0, tag=f"edit-{number}")
                ones.append(_time(_gitops(root, environment, "apply")))
                deploys.append(_time(_deploy(root, environment, path)))
                _gitops(root, environment, "apply", "--adopt")()
        figures = {
            "plan_cold_seconds": cold,
            "plan_seconds": median(plans),
            "apply_all_seconds": apply_all,
            "apply_one_seconds": median(ones),
            "deploy_one_seconds": median(deploys),
            "apply_one_ratio": (median(ones) - 2 * median(plans)) / median(deploys),
        }
        if beside_plain:
            with serve(Path(scratch) / "b") as environment:
                run([*_prefect(), "work-pool", "create", "local", "--type", "process"], root, environment)
                started = time.monotonic()
                for path in sorted(root.glob("flows/*/prefect.yaml")):
                    _deploy(root, environment, path)()
                figures["deploy_all_seconds"] = time.monotonic() - started
    return figures


@contextmanager
def serve(state: Path) -> Iterator[dict[str, str]]:
    settings = Settings(state=state)
    embedded = start_server(settings)
    try:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        yield {**inherited, "PREFECT_API_URL": embedded.api_url, "PREFECT_HOME": str(state / "home")}
    finally:
        stop_embedded(settings)
        shutil.rmtree(state, ignore_errors=True)


def _gitops(root: Path, environment: dict[str, str], *words: str) -> Callable[[], object]:
    return lambda: run(gitops_command(root, *words), ROOT, environment)


def gitops_command(root: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "scripts.gitops", *words, "--root", str(root)]


def _deploy(root: Path, environment: dict[str, str], path: Path) -> Callable[[], object]:
    command = [*_prefect(), "--no-prompt", "deploy", "--all", "--prefect-file", str(path.relative_to(root))]
    return lambda: run(command, root, environment)


def _prefect() -> list[str]:
    return [str(Path(sys.executable).with_name("prefect"))]


def run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> str:
    """Its standard output. Raises ConfigError where it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ConfigError(
            f"{' '.join(command)} ended with code {done.returncode}: {done.stdout[-800:]}{done.stderr[-800:]}"
        )
    return done.stdout


def _time(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started
