"""A small runner of GitHub Actions: `run:` steps with no environment but theirs. What it does not know it refuses."""

import ast
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.documented import Terminal

Spec = dict[str, Any]
NO_OPERATION = ("astral-sh/setup-uv", "docker/login-action")
INHERITED = ("PATH", "SSL_CERT_FILE", "UV_CACHE_DIR", "LANG")
JOB_KEYS = {"runs-on", "environment", "timeout-minutes", "permissions", "env", "steps", "needs", "if"}
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
FUNCTIONS: Spec = {
    "always": lambda: True,
    "contains": lambda found, item: item in (found or []),
    "join": lambda items, between: between.join(items),
    "pluck": lambda items, name: [item[name] for item in (items.values() if isinstance(items, dict) else items or [])],
}


class Refused(Exception):  # noqa: N818
    """A workflow says something that is not known here."""


@dataclass
class Run:
    results: dict[str, str] = field(default_factory=dict)
    """Job -> success, failure, skipped."""
    told: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)


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
        place = self.checkout(github["sha"], "workflow") / f".github/workflows/{name}.yml"
        github, workflow, run = {**github, "token": "ghs_fake"}, yaml.safe_load(place.read_text()), Run()
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
        if (unknown := set(spec) - JOB_KEYS) or EXPRESSION.search(spec.get("environment", "")):
            raise Refused(f"{job}: {unknown or spec['environment']}")
        names = [spec["needs"]] if isinstance(spec.get("needs"), str) else spec.get("needs", [])
        needs = {name: {"result": run.results.get(name, "success")} for name in names}
        secrets, when = self.secrets.get(spec.get("environment", ""), {}), str(spec.get("if", "true"))
        context = {"github": github, "vars": self.variables, "secrets": secrets, "needs": needs}
        failed = any(need["result"] != "success" for need in needs.values()) and "always()" not in when
        if failed or not evaluate(when, context):
            return "skipped"
        environment = {name: os.environ[name] for name in INHERITED if name in os.environ} | self.environment
        environment["GITHUB_STEP_SUMMARY"] = str(self.folder / f"{job}.summary.md")
        for name, value in {**workflow.get("env", {}), **spec.get("env", {})}.items():
            environment[name] = EXPRESSION.sub(lambda found: str(evaluate(found[1], context) or ""), str(value))
        workspace, run.told[job] = None, ""
        for step in spec["steps"]:
            if set(step) not in ({"uses"}, {"uses", "with"}, {"run"}) or EXPRESSION.search(step.get("run", "")):
                raise Refused(f"{job}: {step}")
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
        if action in NO_OPERATION:
            return workspace
        assert workspace is not None
        if action == "actions/upload-artifact":
            run.artifacts[options["name"]] = workspace / options["path"]
        elif action == "actions/download-artifact":
            shutil.copy(run.artifacts[options["name"]], workspace)
        else:
            raise Refused(step["uses"])
        return workspace


def _run_step(script: str, workspace: Path, stated: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    path = f"{Terminal(workspace).programs()}:{stated['PATH']}"
    environment, command = {**stated, "PATH": path, "PYTHONPATH": str(workspace)}, ["bash", "-eo", "pipefail", "-c"]
    return subprocess.run(
        [*command, script], cwd=workspace, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


def evaluate(text: str, context: Spec) -> Any:
    """`&&`, `||`, `==`, `!=`, `!`, parentheses, texts, contexts, `list.*.name`, and FUNCTIONS."""
    text = re.sub(r"([\w.]+)\.\*\.(\w+)", r"pluck(\1, '\2')", text.strip().removeprefix("${{").removesuffix("}}"))
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or ").replace("\n", " "))
    return _value(ast.parse(text.strip(), mode="eval").body, context)


def _value(node: ast.expr, context: Spec) -> Any:  # noqa: PLR0911 - a case for each node
    match node:
        case ast.BoolOp(op, values):
            found = [_value(each, context) for each in values]
            return next((each for each in found if bool(each) is isinstance(op, ast.Or)), found[-1])
        case ast.UnaryOp(ast.Not(), operand):
            return not _value(operand, context)
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as sign], [right]):
            return ((_value(left, context) or "") == (_value(right, context) or "")) is isinstance(sign, ast.Eq)
        case ast.Call(ast.Name(name), arguments) if name in FUNCTIONS:
            return FUNCTIONS[name](*[_value(each, context) for each in arguments])
        case ast.Attribute(inner, name):
            around = _value(inner, context)
            return around.get(name) if isinstance(around, dict) else None
        case ast.Name("true"):
            return True
        case ast.Name(name) if name in context:
            return context[name]
        case ast.Constant(value):
            return value
    raise Refused(f"expression {ast.unparse(node)}")
