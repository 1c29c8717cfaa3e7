"""One apply at a time per server and owner: a row on the server with owner and expiry.

To create a row of a name that exists is refused, and a row is removed once: both are atomic on the server, and its
clock alone decides. Whoever finds an expired row removes it by its id; of two who try, one succeeds.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from scripts.gitops.marks import mark
from scripts.gitops.server import Missing, Server, Taken, open_server
from shared.errors import ConfigError, MailroomError

TAG = "gitops:lock"
EXPIRY_SECONDS = 60.0
RENEWALS = 4
"""Per expiry, so that one lost answer does not lose the lock."""
POLL_SECONDS = 1.0
CLOCK_SECONDS = 1.0
"""The server states its time in whole seconds."""


class LockLostError(ConfigError):
    """Somebody else may be applying by now."""


@dataclass
class Lock:
    """Held from `take` to `release`; `check` before every effect."""

    server: Server
    owner: str
    expiry_seconds: float = EXPIRY_SECONDS
    _id: str = ""
    _renewed: float = 0.0
    _lost: bool = False
    _nonce: str = field(default_factory=lambda: secrets.token_hex(8))
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        return f"gitops-lock-{self.owner}"

    def take(self, wait_seconds: float) -> None:
        """Raises ConfigError, which names the holder, where it is still held after `wait_seconds`."""
        give_up = time.monotonic() + wait_seconds
        while not self._try_take():
            held = self._read_held()
            if held is None:
                continue
            if held.seconds_left < 0:
                self.server.delete(f"/variables/{held.id}")
                continue
            if time.monotonic() >= give_up:
                raise ConfigError(
                    f"another apply holds the lock: {held.holder}; should it be gone, the lock ends by itself in"
                    f" {held.seconds_left:.0f} s. Wait for it with --wait SECONDS"
                )
            time.sleep(POLL_SECONDS)

    def _try_take(self) -> bool:
        before = time.monotonic()
        try:
            made = self.server.post("/variables/", {"name": self.name, **self._row(0)})
        except Taken:
            # The answer to our own request may have been lost, and the client has asked again.
            made = self.server.find(f"/variables/name/{self.name}")
            if made is None or made["value"]["nonce"] != self._nonce:
                return False
        self._id, self._renewed = made["id"], before
        return True

    def _row(self, beat: float) -> dict[str, Any]:
        holder = f"{socket.gethostname()}, process {os.getpid()}"
        value = {"holder": holder, "expiry_seconds": self.expiry_seconds, "nonce": self._nonce, "beat": beat}
        return {"value": value, "tags": [TAG, mark(self.owner)]}

    def _read_held(self) -> "_Held | None":
        row = self.server.find(f"/variables/name/{self.name}")
        return None if row is None else _Held.of(row, self.server.now())

    def renew(self, server: Server) -> None:
        """Raises LockLostError where it comes too late."""
        with self._mutex:
            before = time.monotonic()
            if self._lost or before - self._renewed > self.expiry_seconds - CLOCK_SECONDS:
                self._lost = True
                raise LockLostError("the lock expired while we were busy; nothing more is changed. Run apply again")
            try:
                # The row must differ from before, or the server would keep its time stamp.
                server.patch(f"/variables/{self._id}", self._row(before))
            except Missing as error:
                self._lost = True
                raise LockLostError("another apply took the lock; nothing more is changed. Run apply again") from error
            self._renewed = before

    def check(self) -> None:
        """Raises LockLostError. Renews where a good part of the time is gone."""
        if self._lost or time.monotonic() - self._renewed > self.expiry_seconds / RENEWALS:
            self.renew(self.server)

    def release(self) -> None:
        if self._id and not self._lost:
            self.server.delete(f"/variables/{self._id}")
            self._id = ""


@dataclass(frozen=True)
class _Held:
    id: str
    holder: str
    seconds_left: float

    @classmethod
    def of(cls, row: dict[str, Any], now: datetime) -> "_Held":
        lasts = timedelta(seconds=row["value"]["expiry_seconds"] + CLOCK_SECONDS)
        expires = datetime.fromisoformat(row["updated"]) + lasts
        return cls(row["id"], row["value"]["holder"], (expires - now).total_seconds())


@contextmanager
def hold(
    server: Server, owner: str, *, expiry_seconds: float = EXPIRY_SECONDS, wait_seconds: float = 0
) -> Iterator[Lock]:
    """Held and renewed until the block ends, however long a deployment takes."""
    lock = Lock(server, owner, expiry_seconds)
    lock.take(wait_seconds)
    done = threading.Event()
    # A thread begins without the context, and with it without the settings that name the server.
    beat = threading.Thread(target=copy_context().run, args=(_beat, lock, done), daemon=True)
    beat.start()
    try:
        yield lock
    finally:
        done.set()
        beat.join()
        lock.release()


def _beat(lock: Lock, done: threading.Event) -> None:
    with open_server() as server:  # A connection of its own: clients are not shared between threads.
        while not done.wait(lock.expiry_seconds / RENEWALS):
            try:
                lock.renew(server)
            except LockLostError:
                return
            except MailroomError:
                continue  # The next beat, or the check before the next effect, finds out.
