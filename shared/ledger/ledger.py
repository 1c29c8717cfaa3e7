"""The ledger's door: every read and write that the runner needs, and no SQL elsewhere."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Engine, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from shared.errors import ConfigError, DocumentError
from shared.ledger.connection import migrate, open_engine
from shared.ledger.leases import Lease, check_lease, renew_lease, take_lease
from shared.ledger.tables import Batch, Input, LeaseRow, Output, OutputFile, Receipt
from shared.outcomes import Outcome, Reason

K = TypeVar("K", str, int)
CHUNK = 500  # Bound variables per statement; SQLite's oldest limit is 999.


@dataclass(frozen=True)
class Settlement:
    """The end of one input: what its row says from now on."""

    location: str
    outcome: Outcome
    reason: Reason | None = None
    found: str = ""
    receipt_id: int | None = None
    reused: bool = False
    first_location: str | None = None


class Ledger:
    """Thread-safe; every method is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writes=True)

    @classmethod
    def open(cls, url: str) -> Ledger:
        """Connect and migrate; ConfigError where that is impossible."""
        engine = open_engine(url)
        migrate(engine)
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _read(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _write(self) -> Iterator[Session]:
        with Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def take_lease(self, wanted: Lease) -> Lease | None:
        """None while another run holds it; a fresh fencing number otherwise."""
        try:
            with self._write() as session:
                return take_lease(session, wanted)
        except IntegrityError:  # On PostgreSQL two runs may insert the very first row at once: one of them is late.
            return None

    def renew_lease(self, lease: Lease) -> None:
        with self._writing.begin() as connection:
            renew_lease(connection, lease)

    def release_lease(self, lease: Lease) -> None:
        """Expire it at once; the fencing number stays, so that a late write of ours is still refused."""
        with self._writing.begin() as connection:
            renew_lease(connection, lease, seconds=0)

    def lease_owner(self, workflow: str, destination: str) -> str:
        with self._read() as session:
            row = session.get(LeaseRow, (workflow, destination))
            return row.owner if row else ""

    def open_batch(self, batch: Batch) -> Batch:
        """Insert the batch, or return the one that an earlier attempt of the same run has opened."""
        with self._write() as session:
            known = session.get(Batch, batch.id)
            if known is not None:
                return known
            session.add(batch)
            return batch

    def find_batch(self, prefix: str) -> Batch:
        """By id or the start of it; ConfigError where there is none or more than one."""
        with self._read() as session:
            found = session.scalars(select(Batch).where(Batch.id.startswith(prefix, autoescape=True)).limit(2)).all()
        if len(found) != 1:
            problem = "no batch" if not found else "more than one batch"
            raise ConfigError(f"{problem} begins with {prefix!r}; `batch status` lists them")
        return found[0]

    def latest_batches(self, limit: int) -> Sequence[Batch]:
        with self._read() as session:
            return session.scalars(select(Batch).order_by(Batch.created_at.desc()).limit(limit)).all()

    def update_batch(self, batch_id: str, **values: Any) -> None:
        with self._writing.begin() as connection:
            connection.execute(update(Batch).where(Batch.id == batch_id).values(**values))

    def add_inputs(self, batch_id: str, inputs: Iterable[Mapping[str, Any]]) -> None:
        """Insert what is not there yet; rows of an earlier attempt stay as they are."""
        with self._write() as session:
            known = set(session.scalars(select(Input.location).where(Input.batch_id == batch_id)))
            rows = [{"batch_id": batch_id, **row} for row in inputs if row["location"] not in known]
            if rows:
                session.execute(insert(Input), rows)

    def inputs(self, batch_id: str) -> Sequence[Input]:
        """All inputs of a batch, in the order of their locations."""
        with self._read() as session:
            return session.scalars(select(Input).where(Input.batch_id == batch_id).order_by(Input.location)).all()

    def find_outcome(self, batch_id: str, location: str) -> Outcome | None:
        """Of one input; None until it is settled."""
        with self._read() as session:
            row = session.get_one(Input, (batch_id, location))
            return Outcome(row.outcome) if row.outcome else None

    def settle(self, batch_id: str, settlements: Sequence[Settlement]) -> None:
        with self._write() as session:
            for settlement in settlements:
                _settle(session, batch_id, settlement)

    def count_outcomes(self, batch_id: str) -> dict[str | None, int]:
        """Outcome -> inputs; None stands for those not settled yet."""
        query = select(Input.outcome, func.count()).where(Input.batch_id == batch_id).group_by(Input.outcome)
        with self._read() as session:
            return {row[0]: row[1] for row in session.execute(query)}

    def find_receipts(self, workflow: str, digests: Iterable[str]) -> dict[str, list[Receipt]]:
        """Digest -> its receipts in this workflow, newest first."""
        found: dict[str, list[Receipt]] = defaultdict(list)
        for chunk in _chunks(digests):
            query = select(Receipt).where(Receipt.workflow == workflow, Receipt.digest.in_(chunk))
            with self._read() as session:
                for receipt in session.scalars(query.order_by(Receipt.id.desc())):
                    found[receipt.digest].append(receipt)
        return found

    def receipts(self, batch_id: str) -> dict[int, Receipt]:
        """The receipts that a batch's inputs rest on, by id."""
        query = select(Receipt).join(Input, Input.receipt_id == Receipt.id).where(Input.batch_id == batch_id)
        with self._read() as session:
            return {receipt.id: receipt for receipt in session.scalars(query)}

    def find_copies(self, receipt_ids: Iterable[int]) -> dict[int, list[OutputFile]]:
        """Receipt's id -> every file that was published for it, at whatever destination."""
        found: dict[int, list[OutputFile]] = defaultdict(list)
        for chunk in _chunks(receipt_ids):
            query = (
                select(Output.receipt_id, OutputFile).join_from(OutputFile, Output).where(Output.receipt_id.in_(chunk))
            )
            with self._read() as session:
                for receipt_id, file in session.execute(query):
                    found[receipt_id].append(file)
        return found

    @contextmanager
    def fenced(self, lease: Lease) -> Iterator[Fenced]:
        """A transaction that commits only while the lease is ours, and keeps it ours until then."""
        with self._write() as session:
            check_lease(session, lease)
            yield Fenced(session, lease)


@dataclass(frozen=True)
class Fenced:
    """What one document's end writes, all of it or nothing."""

    session: Session
    lease: Lease

    def put_receipt(self, receipt: Receipt) -> int:
        """Insert, or replace the content of the row with the same key: there is never a second one."""
        query = select(Receipt.id).where(
            Receipt.workflow == receipt.workflow,
            Receipt.digest == receipt.digest,
            Receipt.result_key == receipt.result_key,
        )
        known = self.session.scalar(query)
        if known is not None:
            receipt.id = known
            receipt = self.session.merge(receipt)
        else:
            self.session.add(receipt)
        self.session.flush()
        return receipt.id

    def put_output(self, location: str, receipt_id: int, files: Sequence[OutputFile], now: datetime) -> set[str]:
        """Say what stands at the destination for this input; returns the paths that stood there and no longer should.

        DocumentError(NAME_COLLISION) where a path already belongs to another input.
        """
        where = (self.lease.workflow, self.lease.destination, location)
        self._check_free(location, [file.path for file in files])
        mine = (
            (OutputFile.workflow == where[0]) & (OutputFile.destination == where[1]) & (OutputFile.location == location)
        )
        before = set(self.session.scalars(select(OutputFile.path).where(mine)))
        self.session.execute(delete(OutputFile).where(mine))
        self.session.merge(
            Output(
                workflow=where[0],
                destination=where[1],
                location=location,
                receipt_id=receipt_id,
                fence=self.lease.fence,
                published_at=now,
            )
        )
        self.session.flush()
        self.session.add_all(files)
        self.session.flush()
        return before - {file.path for file in files}

    def _check_free(self, location: str, paths: Sequence[str]) -> None:
        query = select(OutputFile.path, OutputFile.location).where(
            OutputFile.destination == self.lease.destination, OutputFile.path.in_(paths)
        )
        for path, owner in self.session.execute(query):
            if owner != location:
                found = f"its output {path} is already the output of {owner}; rename one of the two inputs"
                raise DocumentError(Reason.NAME_COLLISION, found)

    def settle(self, batch_id: str, settlement: Settlement) -> None:
        _settle(self.session, batch_id, settlement)


def _settle(session: Session, batch_id: str, end: Settlement) -> None:
    changed = session.execute(
        update(Input)
        .where(Input.batch_id == batch_id, Input.location == end.location, Input.outcome.is_(None))
        .values(
            outcome=end.outcome.value,
            reason=end.reason.value if end.reason else None,
            found=end.found,
            receipt_id=end.receipt_id,
            reused=end.reused,
            first_location=end.first_location,
        )
    )
    if not isinstance(changed, CursorResult) or changed.rowcount != 1:
        raise RuntimeError(f"input {end.location!r} of batch {batch_id} is missing or was settled before")


def _chunks(values: Iterable[K]) -> Iterator[list[K]]:
    everything = list(dict.fromkeys(values))
    for start in range(0, len(everything), CHUNK):
        yield everything[start : start + CHUNK]
