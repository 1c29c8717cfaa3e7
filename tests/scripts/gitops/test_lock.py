"""Two applies at once: one waits; a dead one's lock ends by its expiry, never before."""

import subprocess
import sys
import time

import pytest

from scripts.gitops.lock import Lock, LockLostError, hold
from scripts.gitops.server import Server, open_server
from shared.errors import ConfigError
from shared.settings import ROOT

HOLD = """
import sys, time
from scripts.gitops.lock import hold
from scripts.gitops.server import open_server
with open_server() as server, hold(server, "example", expiry_seconds=float(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_one_is_refused_and_told_who_holds_it(server: Server) -> None:
    """It may wait, and gets the lock when the first lets go."""
    with hold(server, "example"):
        with pytest.raises(ConfigError, match=r"another apply holds the lock: \S+, process \d+"):
            Lock(server, "example").take(0)
        Lock(server, "another-owner").take(0)
    Lock(server, "example").take(0)


def test_a_killed_holder_is_followed_after_its_expiry(server: Server) -> None:
    """By the server's clock: not a second before."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, "4"], cwd=ROOT, env={"PREFECT_API_URL": server.url}, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"held\n"
        first.kill()
    killed = time.monotonic()
    with pytest.raises(ConfigError, match="another apply holds"):
        Lock(server, "example").take(0)
    second = Lock(server, "example")
    second.take(20)
    assert time.monotonic() - killed > 2.5  # It may have been renewed up to a quarter of its expiry before.


def test_a_living_holder_keeps_it_beyond_its_expiry(server: Server) -> None:
    """It is renewed while the work goes on."""
    with hold(server, "example", expiry_seconds=3) as lock:
        with pytest.raises(ConfigError, match="another apply holds"):
            Lock(server, "example").take(7)
        lock.check()


def test_a_holder_that_slept_too_long_stops(server: Server) -> None:
    """Before it changes anything more, and it leaves the new holder's lock alone."""
    sleeper = Lock(server, "example", expiry_seconds=2)
    sleeper.take(0)
    time.sleep(4.5)
    follower = Lock(server, "example")
    follower.take(10)
    with pytest.raises(LockLostError):
        sleeper.check()
    sleeper.release()
    follower.check()
    with open_server() as other, pytest.raises(ConfigError, match="another apply holds"):
        Lock(other, "example").take(0)
