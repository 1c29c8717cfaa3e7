"""A small runner of GitHub Actions: the `run:` steps of a workflow, with nothing in their environment but theirs.

It knows six actions and a handful of expressions, and refuses all others.
"""

import io
import os
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.documented import Terminal
from tests.stack.expressions import EXPRESSION, Refused, evaluate, fill

Spec = dict[str, Any]
NO_OPERATION = ("astral-sh/setup-uv", "docker/login-action")
INHERITED = ("PATH", "SSL_CERT_FILE", "UV_CACHE_DIR", "LANG")
JOB_KEYS = {"runs-on", "environment", "timeout-minutes", "permissions", "env", "steps", "needs", "if"}


@dataclass
class Run:
    results: dict[str, str] = field(default_factory=dict)
    """Job -> success, failure, skipped."""
    told: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    """Name -> zip."""


@dataclass
class Runner:
    repository: Path
    """Bare."""
    folder: Path
    environment: dict[str, str]
    """Of every job, as GitHub's machines have it."""
    variables: dict[str, str]
    secrets: dict[str, dict[str, str]]
    """Environment -> name -> value: no other job sees them."""

    def run(self, name: str, github: Spec, only: tuple[str, ...] = ()) -> Run:
        workflow = yaml.safe_load(
            (self.checkout(github["sha"], "workflow") / f".github/workflows/{name}.yml").read_text()
        )
        run = Run()
        for job, spec in workflow["jobs"].items():
            if not only or job in only:
                run.results[job] = self._run_job(job, spec, workflow, github, run)
        return run

    def checkout(self, commit: str, name: str) -> Path:
        place = self.folder / f"{len(list(self.folder.iterdir()))}-{name}"
        subprocess.run(["git", "clone", "-q", str(self.repository), str(place)], check=True)
        subprocess.run(["git", "-C", str(place), "checkout", "-q", "--detach", commit], check=True)
        return place

    def _run_job(self, job: str, spec: Spec, workflow: Spec, github: Spec, run: Run) -> str:
        if unknown := set(spec) - JOB_KEYS:
            raise Refused(f"{job}: {unknown}")
        needs = [spec["needs"]] if isinstance(spec.get("needs"), str) else spec.get("needs", [])
        secrets = self.secrets.get(spec.get("environment", ""), {})
        context = {"github": {**github, "token": "ghs_fake"}, "vars": self.variables, "secrets": secrets}
        failed = {run.results.get(need, "success") for need in needs} - {"success"}
        if failed or not evaluate(str(spec.get("if", "true")), context):
            return "skipped"
        stated = {**workflow.get("env", {}), **spec.get("env", {})}
        environment = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **self.environment,
            "GITHUB_STEP_SUMMARY": str(self.folder / f"{job}.summary.md"),
            **{name: fill(str(value), context) for name, value in stated.items()},
        }
        workspace, run.told[job] = None, ""
        for step in spec["steps"]:
            if set(step) not in ({"uses"}, {"uses", "with"}, {"run"}):
                raise Refused(f"{job}: a step with {', '.join(step)}")
            if "uses" in step:
                workspace = self._use(step, workspace, job, github["sha"], run)
                continue
            assert workspace is not None, f"{job} runs something before its checkout"
            done = _run_step(step["run"], workspace, environment)
            run.told[job] += f"$ {step['run']}\n{done.stdout}{done.stderr}"
            if done.returncode:
                return "failure"
        return "success"

    def _use(self, step: Spec, workspace: Path | None, job: str, commit: str, run: Run) -> Path | None:
        action, options = step["uses"].partition("@")[0], step.get("with", {})
        if action == "actions/checkout":
            assert options["persist-credentials"] is False, f"{job} leaves a credential in its checkout"
            return self.checkout(commit, job)
        assert workspace is not None or action in NO_OPERATION
        if action == "actions/upload-artifact":
            assert workspace is not None
            run.artifacts[options["name"]] = pack(workspace / options["path"])
        elif action == "actions/download-artifact":
            zipfile.ZipFile(io.BytesIO(run.artifacts[options["name"]])).extractall(workspace)
        elif action not in NO_OPERATION:
            raise Refused(step["uses"])
        return workspace


def _run_step(script: str, workspace: Path, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    if EXPRESSION.search(script):
        raise Refused(f"an expression in run: {script}")
    programs = Terminal(workspace).programs()
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=workspace,
        env={**environment, "PATH": f"{programs}:{environment['PATH']}", "PYTHONPATH": str(workspace)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def pack(path: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each in sorted(path.iterdir()) if path.is_dir() else [path]:
            archive.write(each, each.name)
    return buffer.getvalue()
