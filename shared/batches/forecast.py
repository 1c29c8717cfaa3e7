"""A dry run: look at every document as its work would, publish nothing, and say what the batch will cost."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeGuard

from shared.batches.intake import Arrival, read_source
from shared.batches.plan import find_current, find_firsts, settle_at_sight
from shared.batches.request import Request
from shared.batches.sample import choose_sample, find_pace
from shared.documents import render_conditions
from shared.ledger import Ledger
from shared.sandbox import ChildCrashed, Order, Refusal, Report, Sandbox
from shared.sandbox.protocol import Action
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
    """Of the children, where nearly all of it goes."""
    minutes: float
    cores: int
    sampled: int
    """Documents that were worked on to learn what work costs on this host."""

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
    settled = (settle_at_sight(arrival, firsts) for arrival in intake.arrivals)
    ends: Counter[str] = Counter(end.reason or end.outcome for end in settled if end)
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
        looker = _Looker(request, sandbox)
        with ThreadPoolExecutor(settings.cores) as pool:
            answers = list(pool.map(looker.inspect, fresh))
            looked = [(arrival, answer) for arrival, answer in zip(fresh, answers, strict=True) if _is_open(answer)]
            expected = [(arrival, request.steps.forecast(answer).core_seconds) for arrival, answer in looked]
            sample = choose_sample(expected)
            reports = pool.map(looker.work, [arrival for arrival, _ in sample])
            pace = find_pace([(report, seconds) for report, (_, seconds) in zip(reports, sample, strict=True)])
    return BatchForecast(
        inputs=len(intake.arrivals),
        duplicate=ends["duplicate"],
        reused=len(firsts) - len(fresh),
        refused=_count_refused(answers, ends["unreadable"]),
        documents=len(looked),
        pages=sum(answer.pages for _, answer in looked),
        pages_to_recognise=sum(answer.pages_to_recognise for _, answer in looked),
        core_seconds=round(pace * sum(seconds for _, seconds in expected), 1),
        minutes=round(pace * sum(seconds for _, seconds in expected) / settings.cores / 60, 2),
        cores=settings.cores,
        sampled=len(sample),
    )


def _is_open(answer: Inspection | Refusal | None) -> TypeGuard[Inspection]:
    return isinstance(answer, Inspection)


def _count_refused(answers: Sequence[Inspection | Refusal | None], unreadable: int) -> dict[str, int]:
    refused = Counter(
        answer.reason.value if answer else "crashed" for answer in answers if not isinstance(answer, Inspection)
    )
    refused.update({"unreadable": unreadable} if unreadable else {})
    return dict(sorted(refused.items()))


class _Looker:
    """Runs one step on one document, in a scratch folder that is thrown away."""

    def __init__(self, request: Request, sandbox: Sandbox) -> None:
        self._request = request
        self._sandbox = sandbox
        self._parameters = request.parameters.model_dump(mode="json")

    def inspect(self, arrival: Arrival) -> Inspection | Refusal | None:
        report = self._run("inspect", arrival)
        if report is None:
            return None
        assert isinstance(report.answer, (Inspection, Refusal))
        return report.answer

    def work(self, arrival: Arrival) -> Report | None:
        return self._run("work", arrival)

    def _run(self, action: Action, arrival: Arrival) -> Report | None:
        with tempfile.TemporaryDirectory(prefix="mailroom-look-") as scratch:
            order = Order(action, arrival.path, Path(scratch), self._parameters, self._request.budget)
            try:
                return self._sandbox.run(order)
            except ChildCrashed:  # The run itself tries again before it calls that the document's fault.
                return None
