"""Runs that die or freeze at a chosen point: `python -m tests.shared.batches.faults FAULT ROOT`.

They enter by the same door as any run; only the destination, or the loop over the slices, strikes at its moment.
"""

import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from shared.batches.run import BatchRun
from shared.publishing import Destination, StagedFile
from tests.shared.batches.place import Place

STRIKE_AT = 20
"""Of sixty documents: the batch is well under way, and far from done."""


class StrikingDestination(Destination):
    """Sends this very process a signal after a number of renames, before the receipt is committed."""

    number = signal.SIGKILL

    def __init__(self, root: Path, workflow: str) -> None:
        super().__init__(root, workflow)
        self._published = 0

    def publish(self, files: Iterable[StagedFile], obsolete: Iterable[str] = ()) -> None:
        super().publish(files, obsolete)
        self._published += 1
        if self._published == STRIKE_AT:
            os.kill(os.getpid(), self.number)


class FreezingDestination(StrikingDestination):
    """Stops before the rename, outside of any transaction, until somebody continues the process."""

    def stage(self, role: str, staged: Path, location: str) -> StagedFile:
        if role == "json":
            self._published += 1
            if self._published == STRIKE_AT:
                os.kill(os.getpid(), signal.SIGSTOP)
        return super().stage(role, staged, location)

    def publish(self, files: Iterable[StagedFile], obsolete: Iterable[str] = ()) -> None:
        Destination.publish(self, files, obsolete)


def main(fault: str, place: Place) -> None:
    request = place.request()
    kinds = {"after-rename": StrikingDestination, "freeze": FreezingDestination}
    destination = kinds.get(fault, Destination)(request.destination, request.workflow)
    with BatchRun(request, place.settings, destination) as run:
        while run.waiting:
            run.work()
            if fault == "between-slices":
                os.kill(os.getpid(), signal.SIGKILL)
        run.report()


if __name__ == "__main__":
    main(sys.argv[1], Place(Path(sys.argv[2])))
