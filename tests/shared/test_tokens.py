"""One pool of cores for all runs of a host."""

import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from shared.errors import ConfigError
from shared.sandbox import Sandbox, SandboxClosed
from shared.tokens import TokenPool
from tests.shared.sandbox import faulty_steps
from tests.shared.sandbox.conftest import Waiting, await_family, find_servers

TAKE_ONE = """
import sys
from pathlib import Path
from shared.tokens import TokenPool
print(TokenPool(Path(sys.argv[1]), 2).try_take() is not None, flush=True)
sys.stdin.read()
"""


def check_nothing() -> None:
    pass


@pytest.fixture
def pool(tmp_path: Path) -> TokenPool:
    made = TokenPool(tmp_path / "tokens", 2)
    made.prepare()
    return made


def take_elsewhere(pool: TokenPool) -> "subprocess.Popen[str]":
    """Another process that holds one token, once it does."""
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", TAKE_ONE, str(pool.folder)], stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_processes_share_the_tokens(pool: TokenPool) -> None:
    """What another process holds cannot be had here."""
    other = take_elsewhere(pool)
    mine = pool.try_take()
    assert mine is not None
    assert pool.try_take() is None
    other.kill()
    other.wait()
    os.close(mine)


def test_the_tokens_of_the_dead_are_free(pool: TokenPool) -> None:
    """A SIGKILL frees them; nobody has to clean up."""
    others = [take_elsewhere(pool), take_elsewhere(pool)]
    assert pool.try_take() is None
    for other in others:
        other.kill()
        other.wait()
    assert pool.try_take() is not None
    assert pool.try_take() is not None


def test_a_token_comes_back_after_its_work(pool: TokenPool) -> None:
    """Held inside, free outside, and whoever waits for it can be called off."""
    with pool.hold(check_nothing), pool.hold(check_nothing), pytest.raises(SandboxClosed), pool.hold(_call_off):
        pass
    with pool.hold(_call_off):
        pass


def _call_off() -> None:
    raise SandboxClosed("enough")


def test_a_folder_that_was_cleaned_away_comes_back(pool: TokenPool) -> None:
    """Programs that clean temporary folders know nothing of us."""
    shutil.rmtree(pool.folder)
    assert pool.try_take() is not None


def test_another_users_folder_is_refused(tmp_path: Path) -> None:
    """Its owner could keep all tokens for ever."""
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="MAILROOM_TOKENS"):
        TokenPool(tmp_path / "link", 1).prepare()


def test_two_sandboxes_share_the_cores(tmp_path: Path) -> None:
    """Two runs with three documents each, and never more children than tokens."""
    pool = TokenPool(tmp_path / "tokens", 2)
    with Sandbox(faulty_steps.__name__, {}, pool) as one, Sandbox(faulty_steps.__name__, {}, pool) as two:
        waiting = [Waiting(box, tmp_path / f"{box}-{n}", "sleep") for n in range(3) for box in (one, two)]
        servers = find_servers()
        while sum(len(server.children()) for server in servers) < pool.count:
            threading.Event().wait(0.05)
        threading.Event().wait(0.5)
        assert sum(len(server.children()) for server in servers) == pool.count
        one.close()
        two.close()
        for each in waiting:
            each.join()
            assert isinstance(each.raised, SandboxClosed)


def test_a_closed_sandbox_calls_off_those_who_wait_for_a_core(tmp_path: Path) -> None:
    """A run that is stopped does not wait for the cores of another."""
    pool = TokenPool(tmp_path / "tokens", 1)
    with Sandbox(faulty_steps.__name__, {}, pool) as sandbox:
        first = Waiting(sandbox, tmp_path / "first", "sleep")
        (server,) = find_servers()
        await_family(server, 1)
        second = Waiting(sandbox, tmp_path / "second", "sleep")
        sandbox.close()
        for each in (first, second):
            each.join()
            assert isinstance(each.raised, SandboxClosed)
