import logging
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from shared.errors import ConfigError, TransientError
from shared.sandbox import Sandbox, SandboxLost, client
from shared.workflows import Product
from tests.shared.sandbox import faulty_steps
from tests.shared.sandbox.conftest import RunFault, Waiting, await_servers, find_servers


def test_a_lost_server_is_replaced(tmp_path: Path, run_fault: RunFault, caplog: pytest.LogCaptureFixture) -> None:
    """What was in hand fails as lost; the next order finds a new server, and no account or descriptor is lost."""
    sandbox: Sandbox = run_fault.sandbox  # type: ignore[attr-defined]
    run_fault("spin_after_pages")
    before, descriptors = sandbox.core_seconds(), psutil.Process().num_fds()
    waiting = Waiting(sandbox, tmp_path / "lost", "sleep")
    await_servers(2)
    (server,) = find_servers()
    server.kill()
    waiting.join()
    assert isinstance(waiting.raised, SandboxLost)
    assert isinstance(run_fault("none").answer, Product)
    assert "sandbox.lost" in caplog.text
    assert sandbox.core_seconds() >= before >= 2
    assert psutil.Process().num_fds() == descriptors


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        ("config", ConfigError, "no such language"),
        ("thread", ConfigError, "threads"),
        ("program", ConfigError, "left a program running"),
        ("error", ConfigError, "KeyError"),
        ("world", TransientError, "the model's disk is away"),
        ("die", TransientError, "died before it was warm"),
    ],
)
def test_a_server_that_cannot_become_warm_says_why(fault: str, error: type[Exception], words: str) -> None:
    """Refused parameters, a thread before the fork and a failing import stop the run with their cause."""
    with pytest.raises(error, match=words):
        Sandbox(faulty_steps.__name__, {"warm_fault": fault}).start()
    assert find_servers() == []


def test_servers_that_die_one_after_another_stop_the_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same death again and again is the operator's to look at, not to be tried for ever."""
    sandbox = Sandbox(faulty_steps.__name__, {"warm_fault": "die"})
    with caplog.at_level(logging.CRITICAL):
        for number in range(client.LOST_IN_A_ROW):
            waiting = Waiting(sandbox, tmp_path / str(number), "none")
            waiting.join(20)
            assert isinstance(waiting.raised, TransientError)
    last = Waiting(sandbox, tmp_path / "last", "none")
    last.join()
    assert isinstance(last.raised, ConfigError)
    sandbox.close()
    assert find_servers() == []


def test_a_server_is_given_up_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that is never loaded stops the run instead of holding it."""
    monkeypatch.setattr("shared.sandbox.process.WARM_SECONDS", 1)
    with pytest.raises(TransientError, match="not warm within 1 s"):
        Sandbox(faulty_steps.__name__, {"warm_fault": "slow"}).start()
    assert find_servers() == []


def test_a_program_that_warming_leaves_is_killed() -> None:
    """A server that is refused leaves nothing behind."""
    before = count_sleepers()
    with pytest.raises(ConfigError):
        Sandbox(faulty_steps.__name__, {"warm_fault": "program"}).start()
    assert count_sleepers() <= before


def count_sleepers() -> int:
    return sum(process.info["cmdline"] == ["sleep", "601"] for process in psutil.process_iter(["cmdline"]))


def test_a_host_without_descriptors_is_told(run_fault: RunFault) -> None:
    """A server that cannot fork answers so, and goes on once it can."""
    (server,) = find_servers()
    limits = server.rlimit(psutil.RLIMIT_NOFILE)
    used = {int(end.name) for end in Path(f"/proc/{server.pid}/fd").iterdir()}
    second_free = [number for number in range(len(used) + 2) if number not in used][1]
    server.rlimit(psutil.RLIMIT_NOFILE, (second_free, limits[1]))  # One is left, and a pipe takes two.
    with pytest.raises(TransientError, match="cannot start another process"):
        run_fault("none")
    server.rlimit(psutil.RLIMIT_NOFILE, limits)
    assert isinstance(run_fault("none").answer, Product)


def test_unknown_steps_are_named() -> None:
    """A module that is not there arrives with its traceback."""
    with pytest.raises(ConfigError, match=r"No module named 'flows\.absent'"):
        Sandbox("flows.absent.steps", {}).start()


def test_an_interrupt_while_warming_leaves_no_server() -> None:
    """A signal that stops the run while its server starts takes the server along."""
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        Sandbox(faulty_steps.__name__, {"warm_fault": "slow"}).start()
    assert find_servers() == []


def test_a_host_that_is_no_linux_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere nothing is started, and the message says what is needed."""
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(ConfigError, match="needs Linux"):
        Sandbox(faulty_steps.__name__, {}).start()


def test_a_warm_server_says_what_it_is() -> None:
    """Engines and the cost of warming are known once it is warm; what a library reads or prints harms nothing."""
    with Sandbox(faulty_steps.__name__, {"warm_fault": "read"}) as sandbox:
        assert sandbox.engines == {"engine.faulty": "1"}
        assert 0 < sandbox.warm_core_seconds <= sandbox.core_seconds()


def test_parameters_are_not_on_the_command_line() -> None:
    """Whoever may list processes learns the module, and no parameter."""
    with Sandbox(faulty_steps.__name__, {"fault": "planted-parameter"}):
        (server,) = find_servers()
        assert "planted-parameter" not in " ".join(server.cmdline())
