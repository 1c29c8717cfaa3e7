"""One run at a time per workflow and destination: an exclusive lease with owner, expiry and fencing number."""

from dataclasses import dataclass

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from shared.errors import TransientError
from shared.ledger.connection import epoch_now
from shared.ledger.owners import is_gone
from shared.ledger.tables import LeaseRow


@dataclass(frozen=True)
class Lease:
    """Held by `owner` until it is silent for `seconds`; every taking raises `fence`."""

    workflow: str
    destination: str
    owner: str
    seconds: float
    fence: int = 0


class LeaseLostError(TransientError):
    """Another run has taken over: whatever this one still holds is not published."""


def take_lease(session: Session, wanted: Lease) -> Lease | None:
    """The lease with its new fencing number, or None while another run holds it."""
    now = epoch_now(session.connection())
    row = session.get(LeaseRow, (wanted.workflow, wanted.destination), with_for_update=True)
    if row is None:
        row = LeaseRow(
            workflow=wanted.workflow, destination=wanted.destination, owner="", fence=0, expires_epoch_seconds=0
        )
        session.add(row)
    elif row.owner and now < row.expires_epoch_seconds and not is_gone(row.owner):
        return None
    row.owner, row.fence, row.expires_epoch_seconds = wanted.owner, row.fence + 1, now + wanted.seconds
    return Lease(wanted.workflow, wanted.destination, wanted.owner, wanted.seconds, row.fence)


def renew_lease(connection: Connection, lease: Lease, *, seconds: float | None = None) -> None:
    """Push the expiry `seconds` (default: the lease's own) from now; LeaseLostError where it is not ours any more."""
    expires = epoch_now(connection) + (lease.seconds if seconds is None else seconds)
    changed = connection.execute(
        update(LeaseRow)
        .where(LeaseRow.workflow == lease.workflow, LeaseRow.destination == lease.destination)
        .where(LeaseRow.fence == lease.fence, LeaseRow.owner == lease.owner)
        .values(expires_epoch_seconds=expires)
    )
    if changed.rowcount != 1:
        raise _lost(lease)


def check_lease(session: Session, lease: Lease) -> None:
    """Hold the lease's row for the rest of the transaction, so that nobody can take over before it commits."""
    fence = session.scalar(
        select(LeaseRow.fence)
        .where(LeaseRow.workflow == lease.workflow, LeaseRow.destination == lease.destination)
        .with_for_update()
    )
    if fence != lease.fence:
        raise _lost(lease)


def _lost(lease: Lease) -> LeaseLostError:
    return LeaseLostError(f"another run works for {lease.workflow} into {lease.destination} now; this one stops")
