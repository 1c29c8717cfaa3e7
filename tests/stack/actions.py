"""A small runner of GitHub Actions: the `run:` steps of a workflow, with nothing in their environment but theirs.

It knows six actions and a handful of expressions, and refuses all others.
"""

import ast
import io
import os
import re
import subprocess
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.documented import Terminal

EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
NO_OPERATION = ("astral-sh/setup-uv", "docker/login-action")
FUNCTIONS: dict[str, Any] = {
    "always": lambda: True,
    "contains": lambda found, item: item in (found or []),
    "pluck": lambda items, name: [item[name] for item in items or []],
}
INHERITED = ("PATH", "SSL_CERT_FILE", "UV_CACHE_DIR", "LANG")


class Refused(Exception):  # noqa: N818
    """A workflow says something that this runner does not know."""


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

    def run(self, name: str, github: dict[str, Any], only: tuple[str, ...] = ()) -> Run:
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

    def _run_job(
        self, job: str, spec: dict[str, Any], workflow: dict[str, Any], github: dict[str, Any], run: Run
    ) -> str:
        if "strategy" in spec or "container" in spec:
            raise Refused(f"{job}: strategy, container")
        needs = spec.get("needs", [])
        results = [run.results.get(need, "success") for need in ([needs] if isinstance(needs, str) else needs)]
        environment = spec.get("environment", "")
        context = {
            "github": {**github, "token": "ghs_fake"},
            "vars": self.variables,
            "secrets": self.secrets.get(environment, {}),
        }
        if set(results) - {"success"} or not evaluate(str(spec.get("if", "true")), context):
            return "skipped"
        workspace, told = None, []
        base = {**{name: os.environ[name] for name in INHERITED if name in os.environ}, **self.environment}
        stated = {**workflow.get("env", {}), **spec.get("env", {})}
        summary = self.folder / f"{job}.summary.md"
        base |= {name: fill(str(value), context) for name, value in stated.items()} | {
            "GITHUB_STEP_SUMMARY": str(summary)
        }
        for step in spec["steps"]:
            if "uses" in step:
                workspace = self._use(step, workspace, job, github["sha"], run)
                continue
            assert workspace is not None, f"{job} runs something before its checkout"
            if EXPRESSION.search(step["run"]):
                raise Refused(f"{job}: an expression in run: {step['run']}")
            terminal = Terminal(workspace)
            program = {"PATH": f"{terminal.programs()}:{base['PATH']}", "PYTHONPATH": str(workspace)}
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", step["run"]],
                cwd=workspace,
                env={**base, **program},
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            told.append(f"$ {step['run']}\n{done.stdout}{done.stderr}")
            run.told[job] = "".join(told)
            if done.returncode:
                return "failure"
        return "success"

    def _use(self, step: dict[str, Any], workspace: Path | None, job: str, commit: str, run: Run) -> Path | None:
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


def pack(path: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each in sorted(path.iterdir()) if path.is_dir() else [path]:
            archive.write(each, each.name)
    return buffer.getvalue()


def fill(text: str, context: dict[str, Any]) -> str:
    """A text with its expressions evaluated."""
    return EXPRESSION.sub(lambda found: str(evaluate(found[1], context) or ""), text)


def evaluate(text: str, context: dict[str, Any]) -> Any:
    """`&&`, `||`, `==`, `!=`, `!`, parentheses, texts, contexts, `list.*.name`, contains() and always()."""
    text = re.sub(r"([\w.]+)\.\*\.(\w+)", r"pluck(\1, '\2')", text.strip().removeprefix("${{").removesuffix("}}"))
    text = re.sub(r"!(?!=)", " not ", text.replace("&&", " and ").replace("||", " or ").replace("\n", " "))
    return _value(ast.parse(text.strip(), mode="eval").body, context)


def _value(node: ast.expr, context: dict[str, Any]) -> Any:  # noqa: PLR0911 - a case for each node
    match node:
        case ast.BoolOp(op, values):
            found = [_value(each, context) for each in values]
            return next((each for each in found if bool(each) is isinstance(op, ast.Or)), found[-1])
        case ast.UnaryOp(ast.Not(), operand):
            return not _value(operand, context)
        case ast.Compare(left, [ast.Eq() | ast.NotEq() as sign], [right]):
            return (_value(left, context) == _value(right, context)) is isinstance(sign, ast.Eq)
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
