"""One child per document, with limits: a stand-in for the sandbox that shows what the steps alone would do."""

import contextlib
import json
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.ocr_intake import steps
from shared.budgets import Budget
from shared.errors import DocumentError
from shared.workflows import Job


@dataclass(frozen=True)
class Ending:
    """How the work on one document ended; `outcome` is `crashed` or `hung` where the steps gave no answer."""

    outcome: str
    reason: str | None = None
    found: str = ""
    seconds: float = 0.0
    grown_megabytes: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    depends_on: list[str] = field(default_factory=list)


def work_in_child(
    document: Path,
    scratch: Path,
    parameters: steps.Parameters | None = None,
    budget: Budget | None = None,
    *,
    seconds: float = 150,
    memory_megabytes: int = 3_000,
) -> Ending:
    """`steps.warm` must have run in this process."""
    scratch.mkdir(parents=True)
    started = time.monotonic()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        resource.setrlimit(resource.RLIMIT_AS, (memory_megabytes << 20, memory_megabytes << 20))
        answer = _answer(Job(document, scratch, parameters or steps.Parameters(), budget or Budget()))
        (scratch / "ending.json").write_text(json.dumps(answer))
        os._exit(0)
    os.close(writer)
    hung = not select.select([reader], [], [], seconds)[0]
    os.close(reader)
    if hung:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    elapsed = time.monotonic() - started
    if hung:
        return Ending("hung", seconds=elapsed)
    with contextlib.suppress(OSError, ValueError):
        return Ending(**json.loads((scratch / "ending.json").read_text()), seconds=elapsed)
    return Ending("crashed", f"status {status}", seconds=elapsed)


def _answer(job: Job) -> dict[str, Any]:
    tempfile.tempdir = str(job.scratch)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        product = steps.work(job)
        facts = json.loads(json.dumps(product.facts))
        judgement = steps.judge(facts, job.parameters)  # type: ignore[arg-type]
        answer: dict[str, Any] = {
            "outcome": judgement.outcome.value,
            "reason": judgement.reason and judgement.reason.value,
            "found": judgement.found,
            "facts": facts,
            "findings": [finding.code for finding in product.findings],
            "depends_on": list(product.depends_on),
        }
    except DocumentError as error:
        answer = {
            "outcome": "quarantined",
            "reason": error.reason.value,
            "found": error.found,
            "depends_on": list(error.depends_on),
        }
    except BaseException:  # noqa: BLE001 - the child must answer whatever happened
        answer = {"outcome": "crashed", "found": traceback.format_exc()}
    answer["grown_megabytes"] = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return answer
