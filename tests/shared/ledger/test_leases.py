import os
import subprocess
import sys
import time

import pytest

from shared.ledger import Lease, LeaseLostError, Ledger
from shared.ledger.owners import current_owner, is_gone

FAR_AWAY = "another-boot-4026531836/1:1"


def wanted(owner: str = FAR_AWAY, seconds: float = 60) -> Lease:
    return Lease("w", "/out", owner, seconds)


def test_a_second_run_does_not_get_a_held_lease(ledger: Ledger) -> None:
    """While a lease is held and not expired, nobody else gets it."""
    assert ledger.take_lease(wanted()) is not None
    assert ledger.take_lease(wanted(current_owner())) is None


def test_an_expired_lease_is_taken_over_with_a_higher_fence(ledger: Ledger) -> None:
    """After expiry, and not before, another run takes over, and the fencing number has grown."""
    first = ledger.take_lease(wanted(seconds=0.3))
    assert first is not None
    assert ledger.take_lease(wanted(current_owner())) is None
    time.sleep(0.4)
    second = ledger.take_lease(wanted(current_owner()))
    assert second is not None
    assert second.fence > first.fence


def test_the_loser_can_neither_renew_nor_commit(ledger: Ledger) -> None:
    """A run that lost its lease is refused at every door, even where its own clock says that nothing happened."""
    first = ledger.take_lease(wanted(seconds=0))
    assert first is not None
    assert ledger.take_lease(wanted(current_owner())) is not None
    with pytest.raises(LeaseLostError):
        ledger.renew_lease(first)
    with pytest.raises(LeaseLostError), ledger.fenced(first):
        pytest.fail("the transaction was opened")


def test_renewing_keeps_the_lease(ledger: Ledger) -> None:
    """A lease that is renewed in time does not expire."""
    lease = ledger.take_lease(wanted(seconds=0.5))
    assert lease is not None
    for _ in range(4):
        time.sleep(0.2)
        ledger.renew_lease(lease)
    assert ledger.take_lease(wanted(current_owner())) is None


def test_released_is_free_at_once_and_the_fence_still_grows(ledger: Ledger) -> None:
    """Releasing frees the lease; the next fencing number is higher all the same."""
    first = ledger.take_lease(wanted())
    assert first is not None
    ledger.release_lease(first)
    second = ledger.take_lease(wanted(current_owner()))
    assert second is not None
    assert second.fence == first.fence + 1


def test_a_dead_neighbour_is_not_waited_for(ledger: Ledger) -> None:
    """A lease whose owner was a process of this host and is gone is free at once."""
    script = "from shared.ledger.owners import current_owner; print(current_owner())"
    owner = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(owner)
    assert ledger.take_lease(wanted(owner, seconds=3600)) is not None
    assert ledger.take_lease(wanted(current_owner())) is not None


def test_only_what_is_certain_counts_as_gone() -> None:
    """A living process, a reused process id and another host are told apart."""
    assert not is_gone(current_owner())
    assert not is_gone(FAR_AWAY)
    place = current_owner().partition("/")[0]
    assert is_gone(f"{place}/{os.getpid()}:1")
