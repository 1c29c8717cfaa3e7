"""The runner without Prefect: the same batch in one process. `python -m scripts.benchmarks.bare SOURCE STATE`.

Prints the CPU seconds of that process alone, without fork server and children: what a flow's process would use if
nothing were orchestrated.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flows.ocr_intake.steps import Parameters
from shared.batches.request import Request
from shared.batches.run import BatchRun
from shared.budgets import Budget
from shared.settings import Settings


def measure_bare(source: Path, state: Path) -> float:
    """CPU seconds, in a process of its own."""
    command = [sys.executable, "-m", __spec__.name, str(source), str(state)]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def run_bare(source: Path, state: Path) -> float:
    settings = Settings(state=state)
    request = Request("ocr-intake", "bare", source, state / "out", Parameters(), Budget())
    with BatchRun(request, settings) as run, ThreadPoolExecutor(settings.cores) as pool:
        while run.waiting:
            for ended in [pool.submit(run.work) for _ in range(settings.cores)]:
                ended.result()
        run.report()
    return time.process_time()


if __name__ == "__main__":
    print(run_bare(Path(sys.argv[1]), Path(sys.argv[2])))
