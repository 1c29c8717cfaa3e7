"""A fresh server for the one-host stack: a checkout whose `staging` is this host, and Docker to look at it."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from scripts.gitops.server import Server, open_server
from shared.batches.report import read_report
from shared.ledger import Ledger
from tests.documented import Terminal, copy_repository
from tests.system.scans import draw_scans

PROJECT = "mailroom-test"
FLOW_RUNS = "label=io.prefect.flow-run-id"
OWNER = 10001
FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass
class Host(Terminal):
    registry: str = ""
    api_url: str = ""
    api_auth: str = ""
    images: str = ""
    """What stands before `/workflow` in the name of an image."""
    more: dict[str, str] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, registry: str, suffix: str) -> "Host":
        host = cls(copy_repository(folder / "mailroom"), registry=registry)
        host.images = f"{registry}/{suffix}"
        port, ledger = find_port(), find_port()
        host.api_url = f"http://127.0.0.1:{port}/api"
        host.environment = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "MAILROOM_PLATFORM_IMAGE": f"mailroom/platform:{PROJECT}",
            "MAILROOM_PORT": str(port),
            "MAILROOM_LEDGER_PORT": str(ledger),
            "PREFECT_HOME": str(folder / "home"),
            **{f"GIT_{who}_{what}": "t@localhost" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        host.down()  # What an earlier run could not clear away: its databases have other passwords.
        host.documents.mkdir()
        shutil.chown(host.documents, OWNER, OWNER)
        host.fill_in("staging")
        host.run("git commit -a -m Staging")
        return host

    @property
    def documents(self) -> Path:
        return self.root.parent / "documents"

    def fill_in(self, environment: str, **more: str) -> None:
        values = {
            "PREFECT_API_URL": self.api_url,
            "WORK_POOL": "docker",
            "IMAGE_REPOSITORY": self.images,
            "DOCUMENTS": str(self.documents),
            "MAILROOM_PREVIEWS": "/documents/previews",
            **more,
        }
        text = "".join(f"{name}={value}\n" for name, value in values.items())
        (self.root / f"environments/{environment}.env").write_text(text)

    def commit(self, message: str) -> str:
        git = ["git", "-C", str(self.root), "-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", message], check=True)
        return self.run("git rev-parse HEAD").strip()

    def log_in(self) -> None:
        """Follow what `scripts/up` says."""
        secrets = self.root / ".state/secrets"
        self.api_auth = (secrets / "api_auth").read_text()
        self.environment |= {
            "PREFECT_API_URL": self.api_url,
            "PREFECT_API_AUTH_STRING": self.api_auth,
            "MAILROOM_LEDGER_URL": (secrets / "ledger_url_here").read_text(),
        }

    @contextlib.contextmanager
    def server(self) -> Iterator[Server]:
        settings: Any = {PREFECT_API_URL: self.api_url, PREFECT_API_AUTH_STRING: self.api_auth}
        with temporary_settings(settings), open_server() as server:
            yield server

    def put(self, folder: str, scans: list[Path]) -> str:
        """Copies for the runs to read; the folder as they see it."""
        target = self.documents / folder
        target.mkdir(parents=True)
        for scan in scans:
            shutil.copyfile(scan, target / scan.name)
        for path in [target, *target.parents]:
            if path.is_relative_to(self.documents):
                shutil.chown(path, OWNER, OWNER)
        return f"/documents/{folder}"

    def start(self, source: str, destination: str, **variables: Any) -> str:
        """A run; `variables` are its job variables. Its id."""
        with self.server() as server:
            deployment = server.get("/deployments/name/ocr-intake/ocr-intake")
            body = {
                "parameters": {"source": source, "destination": destination},
                "job_variables": variables,
                "state": {"type": "SCHEDULED"},
            }
            return str(server.post(f"/deployments/{deployment['id']}/create_flow_run", body)["id"])

    def await_state(self, run: str, *states: str, seconds: float = 240) -> dict[str, Any]:
        """Its state once it is one of these, or a final one."""
        give_up = time.monotonic() + seconds
        while True:
            with contextlib.suppress(Exception), self.server() as server:  # The server may just be restarting.
                state: dict[str, Any] = server.get(f"/flow_runs/{run}")["state"]
                if state["type"] in (states or FINAL) or state["type"] in FINAL:
                    return state
            assert time.monotonic() < give_up, f"run {run} is still {state}"
            time.sleep(0.5)

    def container_of(self, run: str, *, seconds: float = 60) -> str:
        """Of a run, once there is one."""
        return await_value(
            lambda: docker("ps", "--all", "--quiet", "--filter", f"label=io.prefect.flow-run-id={run}"), seconds
        )

    def draw(self, folder: str, count: int) -> str:
        """One-page scans that are nowhere else; the folder as the runs see it."""
        draw_scans(self.documents / folder, count, seed=zlib.crc32(folder.encode()))
        shutil.chown(self.documents / folder, OWNER, OWNER)
        return f"/documents/{folder}"

    def report(self, run: str) -> dict[str, Any]:
        """Of the batch that a run began."""
        ledger = Ledger.open(self.environment["MAILROOM_LEDGER_URL"])
        try:
            return read_report(ledger, run).as_json()
        finally:
            ledger.close()

    def down(self) -> None:
        containers = docker("ps", "--all", "--quiet", "--filter", FLOW_RUNS).split()
        if containers:
            docker("rm", "--force", *containers)
        file = str(self.root / "infrastructure/compose.yaml")
        subprocess.run(
            ["docker", "compose", "--file", file, "down", "--volumes", "--timeout", "1"],
            env={**os.environ, **self.environment},
            capture_output=True,
            check=False,
        )


def docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()


def await_value(read: Callable[[], str], seconds: float) -> str:
    give_up = time.monotonic() + seconds
    while not (found := read()):
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.2)
    return found


def find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
