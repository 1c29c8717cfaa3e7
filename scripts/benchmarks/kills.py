"""`scripts/bench kills`: apply, rollback and prune of many workflows, each killed half-way; the next one must heal."""

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.benchmarks.gitops import gitops_command, run, serve
from scripts.benchmarks.telling import describe_machine, note
from scripts.benchmarks.workflows import write_repository, write_workflow
from scripts.gitops.lock import TAG
from scripts.gitops.server import Server, open_server
from shared.errors import ConfigError
from shared.settings import ROOT

LOCK_SECONDS = 90
"""A killed apply keeps its lock for a minute."""
AUTHOR = ("-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgsign=false")


def measure_kills(workflows: int, *, wait_for_lock: bool = True) -> dict[str, Any]:
    """Minutes of each step: killed, then healed. Raises ConfigError where the server is not as declared afterwards.

    Without `wait_for_lock`, the dead one's lock is removed instead of waited for: a minute less for each of four.
    """
    with tempfile.TemporaryDirectory(prefix="mailroom-bench-") as scratch:
        story = Story(write_repository(Path(scratch) / "repository", workflows), workflows, wait_for_lock)
        with serve(Path(scratch) / "state") as environment:
            story.environment = environment
            steps = {"apply": story.apply, "change": story.change, "rollback": story.roll_back, "prune": story.prune}
            minutes = {name: step() for name, step in steps.items()}
    return {"benchmark": "kills", "machine": describe_machine(), "workflows": workflows, "minutes": minutes}


@dataclass
class Story:
    root: Path
    workflows: int
    wait_for_lock: bool
    environment: dict[str, str] = field(default_factory=dict)

    def apply(self) -> dict[str, float]:
        self._git("init", "-q", "-b", "main")
        self._commit("Begin")
        return self._kill_and_heal("apply", marker="deployed", live=self.workflows)

    def change(self) -> dict[str, float]:
        for number in range(self.workflows):
            write_workflow(self.root, number, tag="changed")
        self._commit("Change all")
        return self._kill_and_heal("apply", marker="deployed", live=self.workflows)

    def roll_back(self) -> dict[str, float]:
        measured = self._kill_and_heal("rollback", "--to", "HEAD~1", marker="deployed", live=self.workflows)
        self._run("drift", "--exit-code")
        self._run("apply")
        return measured

    def prune(self) -> dict[str, float]:
        kept = self.workflows // 2
        for number in range(kept, self.workflows):
            self._git("rm", "-q", "-r", f"flows/work_{number:03d}")
        self._commit("Remove half")
        measured = self._kill_and_heal("apply", "--prune-share", "1", marker="delete deployment", live=kept)
        self._run("plan", "--exit-code")
        return measured

    def _kill_and_heal(self, *words: str, marker: str, live: int) -> dict[str, float]:
        started = time.monotonic()
        self._kill(words, marker)
        killed = time.monotonic()
        left = self._count_left()
        if not self.wait_for_lock:
            self._remove_lock()
        self._run(*words, "--wait", str(LOCK_SECONDS))
        healed = time.monotonic()
        found = self._count_deployments()
        if found != live:
            raise ConfigError(f"{words[0]}: {live} deployments are declared, {found} are live")
        note(f"{words[0]}: killed with {left} changes left, healed; {live} deployments are live")
        return {"killed": (killed - started) / 60, "healed": (healed - killed) / 60}

    def _kill(self, words: tuple[str, ...], marker: str) -> None:
        """SIGKILL once half of it is done."""
        command = [sys.executable, "-u", *gitops_command(self.root, *words)[1:]]
        half = self.workflows // 4 if "--prune-share" in words else self.workflows // 2
        with subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            for line in running.stdout:
                half -= line.startswith(marker)
                if half == 0:
                    running.send_signal(signal.SIGKILL)
                    break
        if running.returncode != -signal.SIGKILL:
            raise ConfigError(
                f"gitops {' '.join(words)} ended with code {running.returncode} before it could be killed"
            )

    def _count_left(self) -> int:
        """Must be some: else nothing was interrupted."""
        done = run([*gitops_command(self.root, "plan"), "--format", "json"], ROOT, self.environment)
        changes = json.loads(done)["changes"]
        left = [change for change in changes if change["action"] != "unchanged"]
        if not left:
            raise ConfigError("the kill came too late: nothing was left to do")
        return len(left)

    def _count_deployments(self) -> int:
        with self._server() as server:
            return len(server.list("/deployments/filter"))

    def _remove_lock(self) -> None:
        with self._server() as server:
            for row in server.list("/variables/filter", variables={"tags": {"all_": [TAG]}}):
                server.delete(f"/variables/{row['id']}")

    @contextmanager
    def _server(self) -> Iterator[Server]:
        with temporary_settings({PREFECT_API_URL: self.environment["PREFECT_API_URL"]}), open_server() as server:
            yield server

    def _run(self, *words: str) -> None:
        run(gitops_command(self.root, *words), ROOT, self.environment)

    def _commit(self, message: str) -> None:
        self._git("add", "-A")
        self._git("commit", "-q", "-m", message)

    def _git(self, *words: str) -> None:
        run(["git", "-C", str(self.root), *AUTHOR, *words], self.root, self.environment)
