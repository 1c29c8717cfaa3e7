"""An embedded server, its lanes, deployments and a worker, in a state folder of its own."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.embedded import render_environment, start_server, start_worker, stop_embedded
from scripts.gitops.verbs import apply_embedded
from shared.embedded import Embedded, read_embedded
from shared.ledger import Ledger
from shared.settings import ROOT, Settings

SERVER_MODULE = "shared.sandbox.server"


@dataclass
class Stack:
    settings: Settings
    embedded: Embedded

    @classmethod
    def start(cls, settings: Settings) -> Stack:
        embedded = start_server(settings)
        with temporary_settings({PREFECT_API_URL: embedded.api_url}):
            apply_embedded(ROOT, print)
        stack = cls(settings, embedded)
        stack.start_worker()
        return stack

    def stop(self) -> None:
        stop_embedded(self.settings)

    def deploy(self, prefect_file: str) -> None:
        """Plain Prefect, as anyone would type it."""
        command = ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", prefect_file]
        subprocess.run(command, env=render_environment(self.settings, self.embedded), cwd=ROOT, check=True)

    def start_worker(self) -> None:
        start_worker(self.settings, self.embedded, "local")
        known = read_embedded(self.settings)
        assert known is not None
        self.embedded = known

    @property
    def worker(self) -> psutil.Process:
        return psutil.Process(self.embedded.processes["worker"].pid)

    def client(self) -> SyncPrefectClient:
        with temporary_settings({PREFECT_API_URL: self.embedded.api_url}):
            return get_client(sync_client=True)

    def start_run(self, source: Path, destination: Path, **parameters: Any) -> UUID:
        with self.client() as client:
            deployment = client.read_deployment_by_name("ocr-intake/ocr-intake")
            given = {"source": str(source), "destination": str(destination), **parameters}
            return client.create_flow_run_from_deployment(deployment.id, parameters=given).id

    def read_run(self, run: UUID) -> FlowRun:
        with self.client() as client:
            return client.read_flow_run(run)

    def await_final(self, run: UUID, seconds: float = 240) -> State[Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            state = self.read_run(run).state
            assert state is not None
            if state.is_final():
                return state
            time.sleep(0.3)
        raise AssertionError(f"run {run} did not end within {seconds} s")

    def cancel(self, run: UUID) -> None:
        with self.client() as client:
            client.set_flow_run_state(run, State(type=StateType.CANCELLING))

    def ledger(self) -> Ledger:
        return Ledger.open(self.settings.ledger)

    def fork_servers(self) -> list[psutil.Process]:
        """Those whose flow process lives; a forked child, which has the same command line, is none."""
        return [process for process in psutil.process_iter() if self._is_fork_server(process)]

    def _is_fork_server(self, process: psutil.Process) -> bool:
        try:
            parent = process.parent()
            if SERVER_MODULE not in process.cmdline() or parent is None or SERVER_MODULE in parent.cmdline():
                return False
            return parent.environ().get("MAILROOM_STATE") == str(self.settings.state)
        except psutil.Error:
            return False

    def children(self) -> list[psutil.Process]:
        """Documents being worked on, with whatever they have started."""
        found: list[psutil.Process] = []
        for server in self.fork_servers():
            with contextlib.suppress(psutil.NoSuchProcess):
                found.extend(server.children(recursive=True))
        return found

    def flow_processes(self) -> list[psutil.Process]:
        """The parents of the fork servers."""
        return [parent for server in self.fork_servers() if (parent := server.parent()) is not None]


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
