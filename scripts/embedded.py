"""The embedded server and its worker: processes of this checkout, with their database in the state folder."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx
import psutil

from shared.embedded import Embedded, ProcessMark, read_embedded, state_file, write_embedded
from shared.errors import ConfigError, TransientError
from shared.settings import ROOT, Settings

READY_SECONDS = 120
STOP_SECONDS = 15


def start_server(settings: Settings) -> Embedded:
    """The one that is up, or a new one on a free port, once it answers."""
    running = read_embedded(settings)
    if running is not None:
        return running
    port = _find_free_port()
    embedded = Embedded(f"http://127.0.0.1:{port}/api")
    command = ["prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    process = _spawn("server", command, render_environment(settings, embedded), settings)
    embedded.processes["server"] = ProcessMark.of(process.pid)
    write_embedded(settings, embedded)
    _await_health(embedded, process, log_file(settings, "server"))
    return embedded


def start_worker(settings: Settings, embedded: Embedded, pool: str) -> None:
    """A process worker for the pool, unless the embedded one is up."""
    known = embedded.processes.get("worker")
    if known is not None and known.is_alive():
        return
    command = ["prefect", "worker", "start", "--pool", pool, "--name", "embedded", "--limit", "2"]
    process = _spawn("worker", command, render_environment(settings, embedded), settings)
    embedded.processes["worker"] = ProcessMark.of(process.pid)
    write_embedded(settings, embedded)


def stop_embedded(settings: Settings) -> bool:
    """Stop worker, then server, and whatever they started; False where nothing was up."""
    running = read_embedded(settings)
    if running is None:
        return False
    for name in ("worker", "server"):
        mark = running.processes.get(name)
        if mark is not None and mark.is_alive():
            _stop_tree(mark.pid)
    state_file(settings).unlink()
    return True


def render_environment(settings: Settings, embedded: Embedded) -> dict[str, str]:
    """Ours, without the caller's Prefect settings: none of theirs must reach the embedded server."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    own = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PREFECT_HOME": str(settings.state / "prefect"),
        "PREFECT_API_URL": embedded.api_url,
        "PREFECT_UI_API_URL": embedded.api_url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_CLI_COLORS": "false",
        # Kept in memory, a concurrency slot is lost for good when the server restarts.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_WORKER_QUERY_SECONDS": "2",
        # An idle server would use a twentieth of a core, most of it to look for what is rare here.
        "PREFECT_SERVER_SERVICES_LATE_RUNS_LOOP_SECONDS": "15",
        "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_LOOP_SECONDS": "60",
        "PREFECT_SERVER_SERVICES_CLEANUP_RECONCILER_LOOP_SECONDS": "60",
        # Task runs arrive as events; written one at a time, as by default, they cost three times the CPU, and more of
        # them than fit the queue in memory are lost.
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
        "PREFECT_SERVER_SERVICES_TRIGGERS_READ_BATCH_SIZE": "100",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
        "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
        "MAILROOM_ROOT": str(ROOT),
        "MAILROOM_STATE": str(settings.state),
        "MAILROOM_LEDGER_URL": settings.ledger,
    }
    return {**inherited, **own}


def log_file(settings: Settings, name: str) -> Path:
    return settings.state / f"{name}.log"


def _spawn(
    name: str, command: list[str], environment: Mapping[str, str], settings: Settings
) -> subprocess.Popen[bytes]:
    settings.state.mkdir(parents=True, exist_ok=True)
    with log_file(settings, name).open("ab") as log:
        # A session of its own: Ctrl-C in the terminal is for the follower, not for the server.
        return subprocess.Popen(
            command,
            env=dict(environment),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_health(embedded: Embedded, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
            raise ConfigError(f"the embedded server ended with code {process.returncode}; the end of {log}:\n{tail}")
        try:
            if httpx.get(f"{embedded.api_url}/health", timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise TransientError(f"the embedded server did not answer within {READY_SECONDS} s; see {log}")


def _stop_tree(pid: int) -> None:
    """SIGTERM to the process, time to end, then SIGKILL to what is left of its whole tree."""
    parent = psutil.Process(pid)
    tree = [parent, *parent.children(recursive=True)]
    parent.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(tree, timeout=STOP_SECONDS)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_SECONDS)
