"""A dry run: look at every document as its work would, touch nothing, and say what the batch will cost."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from shared.batches.intake import Arrival, read_source
from shared.batches.plan import find_current, find_firsts, settle_at_sight
from shared.batches.request import Request
from shared.documents import render_conditions
from shared.ledger import Ledger
from shared.sandbox import ChildCrashed, Order, Refusal, Sandbox
from shared.settings import Settings
from shared.workflows import Inspection


@dataclass(frozen=True)
class BatchForecast:
    """What a batch is expected to cost. Documents with a receipt that still holds cost nothing."""

    inputs: int
    duplicate: int
    reused: int
    refused: dict[str, int]
    """Reason -> documents that would be quarantined at first sight."""
    documents: int
    pages: int
    pages_to_recognise: int
    core_seconds: float
    minutes: float
    cores: int

    @property
    def sentence(self) -> str:
        """Counts first, then the cost."""
        return (
            f"{self.inputs} inputs: {self.documents} documents to work on with {self.pages} pages"
            f" ({self.pages_to_recognise} to recognise), {self.duplicate} duplicate, {self.reused} done before,"
            f" {sum(self.refused.values())} would be quarantined; about {self.core_seconds:.0f} core-seconds,"
            f" {self.minutes:.1f} minutes on {self.cores} cores"
        )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def forecast(request: Request, settings: Settings) -> BatchForecast:
    """Read the source and inspect every document that has no current receipt."""
    intake = read_source(request.source, settings.cores)
    firsts = find_firsts(intake.arrivals)
    ends = Counter(end.reason or end.outcome for a in intake.arrivals if (end := settle_at_sight(a, firsts)))
    parameters = request.parameters.model_dump(mode="json")
    with (
        Sandbox(request.steps_module, parameters, settings.token_pool) as sandbox,
        closing(Ledger.open(settings.ledger)) as ledger,
    ):
        conditions = render_conditions(
            request.parameters, request.budget, sandbox.engines, request.steps.RESULT_REVISION
        )
        receipts = ledger.find_receipts(request.workflow, firsts)
        fresh = [
            arrival
            for arrival in intake.arrivals
            if arrival.digest
            and firsts[arrival.digest] == arrival.location
            and find_current(receipts.get(arrival.digest, []), conditions) is None
        ]
        answers = _inspect_all(request, sandbox, fresh, settings.cores)
    return _sum_up(request, settings, len(intake.arrivals), len(firsts) - len(fresh), ends, answers)


def _inspect_all(
    request: Request, sandbox: Sandbox, arrivals: Sequence[Arrival], cores: int
) -> list[Inspection | Refusal | None]:
    parameters = request.parameters.model_dump(mode="json")

    def inspect(arrival: Arrival) -> Inspection | Refusal | None:
        with tempfile.TemporaryDirectory(prefix="mailroom-inspect-") as scratch:
            order = Order("inspect", arrival.path, Path(scratch), parameters, request.budget)
            try:
                answer = sandbox.run(order).answer
            except ChildCrashed:  # The run itself tries again before it calls that the document's fault.
                return None
        assert isinstance(answer, (Inspection, Refusal))
        return answer

    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(inspect, arrivals))


def _sum_up(
    request: Request,
    settings: Settings,
    inputs: int,
    reused: int,
    ends: Counter[Any],
    answers: Sequence[Inspection | Refusal | None],
) -> BatchForecast:
    looked = [answer for answer in answers if isinstance(answer, Inspection)]
    refused = Counter(
        answer.reason.value if answer else "crashed" for answer in answers if not isinstance(answer, Inspection)
    )
    refused.update({"unreadable": ends["unreadable"]} if ends["unreadable"] else {})
    core_seconds = sum(request.steps.forecast(inspection).core_seconds for inspection in looked)
    return BatchForecast(
        inputs=inputs,
        duplicate=ends["duplicate"],
        reused=reused,
        refused=dict(sorted(refused.items())),
        documents=len(looked),
        pages=sum(inspection.pages for inspection in looked),
        pages_to_recognise=sum(inspection.pages_to_recognise for inspection in looked),
        core_seconds=round(core_seconds, 1),
        minutes=round(core_seconds / settings.cores / 60, 2),
        cores=settings.cores,
    )
