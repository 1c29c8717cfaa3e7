"""A source, a destination and a ledger, and runs between them: real ledger, real sandbox, steps that copy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared.batches.report import BatchReport
from shared.batches.request import Request
from shared.batches.run import BatchRun
from shared.budgets import Budget
from shared.ledger import Input, Ledger
from shared.settings import Settings
from tests.shared.batches import copying_steps


class Place:
    """A source, a destination and a ledger, and runs between them."""

    def __init__(self, root: Path) -> None:
        self.source = root / "in"
        self.destination = root / "out"
        self.settings = Settings(
            state=root / "state", cores=2, lease_seconds=5, slice_seconds=0, tokens=root / "tokens"
        )
        self.source.mkdir(exist_ok=True)

    def fill(self, files: Mapping[str, str]) -> None:
        for name, content in files.items():
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def request(self, budget: Budget | None = None, **parameters: Any) -> Request:
        return Request(
            workflow="copying",
            batch_id=str(uuid4()),
            source=self.source,
            destination=self.destination,
            parameters=copying_steps.Parameters(**parameters),
            budget=budget or Budget(),
            module=copying_steps.__name__,
        )

    def run(self, request: Request | None = None, **parameters: Any) -> BatchReport:
        with BatchRun(request or self.request(**parameters), self.settings) as run:
            while run.waiting:
                run.work()
            return run.report()

    def inputs(self, batch: str) -> dict[str, Input]:
        ledger = Ledger.open(self.settings.ledger)
        try:
            return {row.location: row for row in ledger.inputs(batch)}
        finally:
            ledger.close()

    def outputs(self) -> set[str]:
        files = (path for path in self.destination.rglob("*") if path.is_file())
        return {str(path.relative_to(self.destination)) for path in files}
