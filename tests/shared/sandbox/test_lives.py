import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from shared.budgets import Budget
from shared.sandbox import Order, Sandbox, SandboxClosed
from shared.settings import ROOT
from shared.workflows import Product
from tests.shared.sandbox import faulty_steps
from tests.shared.sandbox.conftest import (
    DEAD_WITHIN_SECONDS,
    RunFault,
    Waiting,
    await_family,
    await_servers,
    find_servers,
)

PARENT = """
import os, pathlib, sys, time
from shared.budgets import Budget
from shared.sandbox import Order, Sandbox
with Sandbox("tests.shared.sandbox.faulty_steps", {}) as sandbox:
    if sys.argv[3:] == ["fork"] and os.fork() == 0:
        time.sleep(600)
    sandbox.run(Order("work", pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]), {"fault": sys.argv[2]}, Budget()))
"""


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


def test_a_fork_of_the_run_keeps_nothing_alive(tmp_path: Path) -> None:
    """A process that has inherited the run's ends of all pipes does not stand in for the run."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path, "spin_in_c", "fork"], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as parent:
        family = await_family(psutil.Process(parent.pid), 3)
        forks = [process for process in family if "shared.sandbox.server" not in process.cmdline()]
        parent.kill()
    _, alive = psutil.wait_procs([process for process in family if process not in forks], timeout=DEAD_WITHIN_SECONDS)
    for fork in forks:
        fork.kill()
    assert len(forks) == 1
    assert not alive


def test_closing_wakes_who_waits(tmp_path: Path) -> None:
    """close() from another thread ends all orders at once, leaves no process, and may be called again."""
    with Sandbox(faulty_steps.__name__, {}) as sandbox:
        waiting = [
            Waiting(sandbox, tmp_path / fault, fault) for fault in ("sleep", "spin_in_c", "sleep_with_grandchild")
        ]
        family = await_servers(5)
        sandbox.close()
        for one in waiting:
            one.join()
            assert isinstance(one.raised, SandboxClosed)
        assert not any(process.is_running() for process in family)
        sandbox.close()
        with pytest.raises(SandboxClosed):
            sandbox.run(Order("work", tmp_path, tmp_path, {}, Budget()))


def test_a_server_does_not_become_warm_for_a_dead_run() -> None:
    """A run that is killed while its server loads takes the server along."""
    script = "import sys; from shared.sandbox import Sandbox; Sandbox(sys.argv[1], {'warm_fault': 'slow'}).start()"
    with subprocess.Popen(
        [sys.executable, "-c", script, faulty_steps.__name__], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as parent:
        family = await_family(psutil.Process(parent.pid), 1)
        time.sleep(0.5)
        parent.kill()
        _, alive = psutil.wait_procs(family, timeout=DEAD_WITHIN_SECONDS)
    assert not alive


def test_closing_does_not_wait_for_a_server_to_become_warm(tmp_path: Path) -> None:
    """Who waits for the server is woken, and the server is gone."""
    sandbox = Sandbox(faulty_steps.__name__, {"warm_fault": "slow"})
    waiting = Waiting(sandbox, tmp_path / "scratch", "none")
    await_servers(1)
    sandbox.close()
    waiting.join(2 * DEAD_WITHIN_SECONDS)
    assert isinstance(waiting.raised, SandboxClosed)
    assert find_servers() == []


def test_closing_ends_a_server_that_is_stopped(tmp_path: Path) -> None:
    """A server that does not run any more is no reason to wait, nor are more orders than its pipe can hold."""
    with Sandbox(faulty_steps.__name__, {}) as sandbox:
        waiting = [Waiting(sandbox, tmp_path / "first", "spin_in_c")]
        await_servers(2)
        (server,) = find_servers()
        server.suspend()
        waiting += [Waiting(sandbox, tmp_path / f"{number}-{'x' * 200}", "none") for number in range(150)]
        sandbox.close()
        for one in waiting:
            one.join()
            assert isinstance(one.raised, SandboxClosed)
    assert find_servers() == []


def test_time_in_which_the_host_stood_still_does_not_count(tmp_path: Path, run_fault: RunFault) -> None:
    """A machine that sleeps, or a container that is frozen, is not the document's fault."""
    sandbox: Sandbox = run_fault.sandbox  # type: ignore[attr-defined]
    waiting = Waiting(sandbox, tmp_path / "scratch", "spin_after_pages", Budget(wall_seconds=5, stall_seconds=3))
    family = await_servers(2)
    for process in family:
        process.suspend()
    time.sleep(5.5)
    for process in reversed(family):
        process.resume()
    waiting.join(20)
    assert waiting.report is not None
    assert isinstance(waiting.report.answer, Product)


def test_many_orders_leave_nothing_behind(run_fault: RunFault) -> None:
    """Two hundred children later, run and server hold as many descriptors and processes as before; one thread forks."""
    (server,) = find_servers()
    run_fault("none")
    before = server.num_fds(), psutil.Process().num_fds()
    for _ in range(200):
        run_fault("none")
    assert (server.num_fds(), psutil.Process().num_fds()) == before
    assert server.children() == []
    assert server.num_threads() == 1


def test_a_program_that_leaves_its_group_is_killed(run_fault: RunFault) -> None:
    """A daemon that a document has started does not live on beside the server."""
    answer = run_fault("leave_a_daemon").answer
    assert isinstance(answer, Product)
    (server,) = find_servers()
    deadline = time.monotonic() + DEAD_WITHIN_SECONDS
    while psutil.pid_exists(answer.facts["left"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(answer.facts["left"])
    assert server.is_running()
