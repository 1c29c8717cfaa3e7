import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from shared.budgets import Budget
from shared.errors import ConfigError
from shared.sandbox import Order, Sandbox, SandboxClosed, SandboxLost
from shared.settings import ROOT
from shared.workflows import Product
from tests.shared.sandbox import faulty_steps
from tests.shared.sandbox.conftest import RunFault

DEAD_WITHIN_SECONDS = 5
LONG = Budget(stall_seconds=600)

PARENT = """
import sys, pathlib
from shared.budgets import Budget
from shared.sandbox import Order, Sandbox
with Sandbox("tests.shared.sandbox.faulty_steps", {}) as sandbox:
    sandbox.run(Order("work", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]), {"fault": sys.argv[2]}, Budget()))
"""


def await_family(process: psutil.Process, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 20
    while len(family := process.children(recursive=True)) < count and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(family) >= count
    return family


@pytest.mark.parametrize("fault", ["spin_in_c", "sleep_with_grandchild"])
@pytest.mark.parametrize("victims", ["parent", "server", "both"])
def test_nothing_survives_its_parents(tmp_path: Path, fault: str, victims: str) -> None:
    """After SIGKILL of the run, of the fork server or of both, no child or grandchild lives for long."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path, fault], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as parent:
        count = 3 if fault == "sleep_with_grandchild" else 2
        family = await_family(psutil.Process(parent.pid), count)
        time.sleep(0.3)
        if victims in {"server", "both"}:
            family[0].kill()
        if victims in {"parent", "both"}:
            parent.kill()
        doomed = family[1:] if victims == "server" else family
        _, alive = psutil.wait_procs(doomed, timeout=DEAD_WITHIN_SECONDS)
        alive = [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]
        parent.kill()
    assert not alive


def start(sandbox: Sandbox, tmp_path: Path, fault: str) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        scratch = tmp_path / fault
        scratch.mkdir()
        try:
            sandbox.run(Order("work", tmp_path, scratch, {"fault": fault}, LONG))
        except Exception as error:  # noqa: BLE001 - carried to the assertion
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, raised


def servers() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "shared.sandbox.server" in child.cmdline()]


def test_closing_wakes_who_waits(tmp_path: Path) -> None:
    """close() from another thread ends an order at once, leaves no process, and may be called again."""
    with Sandbox(faulty_steps.__name__, {}) as sandbox:
        thread, raised = start(sandbox, tmp_path, "sleep")
        family = await_family(psutil.Process(), 2)
        sandbox.close()
        thread.join(DEAD_WITHIN_SECONDS)
        assert isinstance(raised[0], SandboxClosed)
        assert not any(process.is_running() for process in family)
        sandbox.close()
        with pytest.raises(SandboxClosed):
            sandbox.run(Order("work", tmp_path, tmp_path, {}, LONG))


def test_a_lost_server_is_replaced(tmp_path: Path, run_fault: RunFault) -> None:
    """What was in hand fails as lost; the next order finds a new server, and no account is forgotten."""
    sandbox: Sandbox = run_fault.sandbox  # type: ignore[attr-defined]
    run_fault("spin_after_pages")
    before = sandbox.core_seconds()
    thread, raised = start(sandbox, tmp_path, "sleep")
    await_family(psutil.Process(), 2)
    (server,) = servers()
    server.kill()
    thread.join(DEAD_WITHIN_SECONDS)
    assert isinstance(raised[0], SandboxLost)
    assert isinstance(run_fault("none").answer, Product)
    assert sandbox.core_seconds() >= before >= 2


@pytest.mark.parametrize(
    ("fault", "words"), [("config", "no such language"), ("thread", "threads"), ("error", "KeyError")]
)
def test_a_server_that_cannot_become_warm_says_why(fault: str, words: str) -> None:
    """Refused parameters, a thread before the fork and a failing import stop the run with their cause."""
    with pytest.raises(ConfigError, match=words):
        Sandbox(faulty_steps.__name__, {"warm_fault": fault}).start()
    assert servers() == []


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
    assert servers() == []


def test_many_orders_leave_nothing_behind(run_fault: RunFault) -> None:
    """Two hundred children later, run and server hold as many descriptors and processes as before; one thread forks."""
    (server,) = servers()
    run_fault("none")
    before = server.num_fds(), psutil.Process().num_fds()
    for _ in range(200):
        run_fault("none")
    assert (server.num_fds(), psutil.Process().num_fds()) == before
    assert server.children() == []
    assert server.num_threads() == 1
