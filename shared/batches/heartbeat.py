"""Keeps a lease alive while a run works, and stops the run when it is lost."""

import logging
import threading
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

from shared.ledger import Lease, LeaseLostError, Ledger

log = logging.getLogger("mailroom.batches")

BEATS_PER_LEASE = 4


class Heartbeat:
    """Renews from a thread of its own; `on_lost` is called there, once, when another run holds the lease."""

    def __init__(self, ledger: Ledger, lease: Lease, on_lost: Callable[[], None]) -> None:
        self._ledger = ledger
        self._lease = lease
        self._on_lost = on_lost
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease-heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._lease.seconds / BEATS_PER_LEASE):
            try:
                self._ledger.renew_lease(self._lease)
            except OperationalError as error:  # A locked or absent database may be back before the lease expires.
                log.warning("lease.renewal_failed detail=%s", error.orig)
            except LeaseLostError as error:
                log.error("lease.lost detail=%s", error)  # noqa: TRY400 - expected, its traceback says nothing
                self._on_lost()
                return
