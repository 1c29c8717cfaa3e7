"""The repository keeps the promises that its documents make."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from shared.settings import ROOT
from tests.conftest import find_area

DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
UNFINISHED = ("TO" + "DO", "FIX" + "ME")
CODE_SUFFIXES = {"", ".py", ".sh", ".yaml", ".yml", ".toml"}
AGENTS_LINES = 60
README_LINES = 30

PINS = {
    "fastapi": "0.151.0",
    "sqlalchemy": "2.1.0",
    "prefect": "3.9.0",
}
"""Package -> the first version with which Prefect 3.8 does not work, or with which nobody has tried it."""


def find_files() -> list[Path]:
    """What Git knows or would add; below the root."""
    # In a container the checkout often belongs to another user than the one who tests.
    git = ["git", "-c", "safe.directory=*"]
    command = [*git, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    # A file that was deleted but not yet committed is still listed.
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


FILES = find_files()
WORKFLOWS = sorted(path.parent.name for path in FILES if path.match("flows/*/flow.py"))


def read_workflow(workflow: str) -> dict[str, Any]:
    declared: dict[str, Any] = yaml.safe_load((ROOT / "flows" / workflow / "prefect.yaml").read_text())
    return declared


def test_no_file_is_a_drawer() -> None:
    """What has no noun of its own has no place."""
    assert not [str(path) for path in FILES if DRAWERS & {part.split(".")[0] for part in path.parts}]


def test_code_is_finished() -> None:
    code = [path for path in FILES if path.suffix in CODE_SUFFIXES]
    assert not [
        f"{path}:{number}"
        for path in code
        for number, line in enumerate((ROOT / path).read_text().splitlines(), start=1)
        if any(word in line for word in UNFINISHED)
    ]


def test_agents_can_be_read_at_once() -> None:
    assert len((ROOT / "AGENTS.md").read_text().splitlines()) <= AGENTS_LINES


def test_verbs_can_be_executed() -> None:
    verbs = [path for path in FILES if path.parts[0] in {"scripts", ".ci"} and len(path.parts) == 2 and not path.suffix]
    assert len(verbs) >= 5
    assert not [str(path) for path in verbs if not os.access(ROOT / path, os.X_OK)]


def run_setup(*options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(ROOT / "scripts" / "setup"), *options]
    settings = {**os.environ, **environment}
    # From another folder, as from a cron line.
    return subprocess.run(command, cwd="/", env=settings, check=False, capture_output=True, text=True)


def test_setup_is_silent_where_nothing_is_missing() -> None:
    assert run_setup().returncode == 0
    again = run_setup()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_setup_says_where_language_data_was_expected(tmp_path: Path) -> None:
    """Installing a package would not help: the recogniser looks in this folder and nowhere else."""
    refused = run_setup(TESSDATA_PREFIX=str(tmp_path))
    assert refused.returncode == 1
    assert f"{tmp_path} has no eng.traineddata" in refused.stderr


def test_setup_refuses_what_it_does_not_know() -> None:
    refused = run_setup("--everything")
    assert refused.returncode == 1
    assert "usage: scripts/setup" in refused.stderr


def test_agents_lists_every_verb() -> None:
    verbs = [str(path) for path in FILES if path.match("scripts/*") and not path.suffix]
    agents = (ROOT / "AGENTS.md").read_text()
    assert not [verb for verb in verbs if verb not in agents]


def test_there_are_workflows() -> None:
    """The tests below would pass on an empty list."""
    assert WORKFLOWS


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_has_one_name(workflow: str) -> None:
    """Folder, function, flow, deployment and tests; a deployment may add `-variant`."""
    tree = ast.parse((ROOT / "flows" / workflow / "flow.py").read_text())
    assert workflow in {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    dashed = workflow.replace("_", "-")
    for deployment in read_workflow(workflow)["deployments"]:
        assert deployment["name"] == dashed or deployment["name"].startswith(f"{dashed}-")
        assert deployment["entrypoint"] == f"flows/{workflow}/flow.py:{workflow}"
    assert (ROOT / "tests" / "flows" / workflow).is_dir()


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_is_declared_whole(workflow: str) -> None:
    """Without `pull` Prefect stores the folder of whoever deploys, without a pool nothing ever runs."""
    declared = read_workflow(workflow)
    for deployment in declared["deployments"]:
        assert deployment["description"]
        assert deployment["work_pool"]["name"]
        assert "pull" in deployment or "pull" in declared


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_has_its_runbook_and_a_row(workflow: str) -> None:
    assert (ROOT / "flows" / workflow / "README.md").is_file()
    assert f"flows/{workflow}/README.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_workflow_has_its_dependency_group(workflow: str) -> None:
    assert workflow in read_project()["dependency-groups"]


def test_readme_begins_with_commands() -> None:
    beginning = (ROOT / "README.md").read_text().splitlines()[:README_LINES]
    assert any(line.startswith("scripts/demo") for line in beginning)
    assert any(line.startswith("scripts/test") for line in beginning)


@pytest.mark.parametrize(("package", "first_bad"), PINS.items())
def test_prefect_is_kept_from_what_breaks_it(package: str, first_bad: str) -> None:
    dependencies = map(Requirement, read_project()["project"]["dependencies"])
    specifier = {dependency.name: dependency.specifier for dependency in dependencies}[package]
    assert not specifier.contains(first_bad)


@pytest.mark.parametrize(
    ("nodeid", "marks", "area"),
    [
        ("tests/shared/ledger/test_ledger.py::test_x[postgresql]", ["slow"], "slow"),
        ("tests/flows/ocr_intake/test_corpus.py::test_x", ["slow", "corpus"], "corpus"),
        ("tests/flows/ocr_intake/test_steps.py::test_x", ["test_steps.py"], "flows"),
        ("tests/test_repository.py::test_x", [], "repository"),
    ],
)
def test_every_test_belongs_to_one_area(nodeid: str, marks: list[str], area: str) -> None:
    assert find_area(nodeid, marks) == area


def test_areas_leave_pytests_summary_last() -> None:
    """CI reads the last line."""
    command = [sys.executable, "-m", "pytest", "--areas", f"{__file__}::test_there_are_workflows"]
    lines = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert "1 passed" in lines[-1]
    assert any(line.split() == ["repository", "0.0", "min", "1", "tests"] for line in lines)


def read_project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())
