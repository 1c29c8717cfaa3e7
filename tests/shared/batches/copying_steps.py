"""A workflow that copies. A document's first word decides what becomes of it, so that faults come in as files."""

import hashlib
import os
import signal
import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.errors import DocumentError
from shared.outcomes import Finding, Outcome, Reason
from shared.workflows import Forecast, Inspection, Job, Judgement, Product

RESULT_REVISION = 1


class Parameters(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    flavour: str = "plain"
    threshold: int = 50


def warm(parameters: BaseModel) -> Mapping[str, str]:
    assert isinstance(parameters, Parameters)
    return {"engine.copier": "1"}


def inspect(job: Job) -> Inspection:
    _check(job)
    return Inspection("text", 1, 1, 1.0)


def forecast(inspection: Inspection) -> Forecast:
    return Forecast(2.0 * inspection.pages)


def work(job: Job) -> Product:
    word = _check(job)
    job.announce_pages(1)
    if word == "slow":
        time.sleep(1.0)
    if word == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "grow":  # A scanner that still writes into the file while it is read.
        with job.document.open("ab") as file:
            file.write(b"more")
    assert isinstance(job.parameters, Parameters)
    content = job.document.read_bytes()
    (job.scratch / "copy").write_bytes(job.parameters.flavour.encode() + b"\n" + content)
    score = 10 if word == "faint" else 90
    facts = {"pages": 1, "words": 1, "score": score, "sha256": hashlib.sha256(content).hexdigest()}
    return Product({"pdf": "copy"}, facts, (Finding("copied"),), ("flavour", "engine.copier"))


def judge(facts: Mapping[str, Any], parameters: BaseModel) -> Judgement:
    assert isinstance(parameters, Parameters)
    if facts["score"] < parameters.threshold:
        return Judgement(Outcome.REVIEW, Reason.LOW_CONFIDENCE, f"score {facts['score']}")
    return Judgement(Outcome.DONE)


def _check(job: Job) -> str:
    word = job.document.read_bytes().partition(b" ")[0].decode("ascii", "replace")
    if word == "bad":
        raise DocumentError(Reason.DAMAGED, "its first word is bad")
    if word == "big":
        raise DocumentError(Reason.TOO_BIG, "its first word is big", depends_on=("budget.max_megabytes",))
    return word
