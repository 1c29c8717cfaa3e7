"""`gitops check`: every way to be wrong is found, with its line and what to write; what is right is let pass."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.gitops.checks import check
from scripts.gitops.printing import print_problems
from scripts.gitops.problems import Problem
from shared.settings import ROOT
from tests.scripts.gitops.checkout import FLOW, PULL, Checkout, deployment

NIGHTLY = {"slug": "nightly", "cron": "0 1 * * *", "timezone": "Europe/Berlin"}
WORK = {"name": "local", "work_queue_name": "standard"}


def scan(**more: Any) -> Callable[[Checkout], object]:
    return lambda made: made.add("scan", {**deployment("scan"), **more})


def file(**more: Any) -> Callable[[Checkout], object]:
    return lambda made: made.add("scan", **more)


def flow(text: str) -> Callable[[Checkout], object]:
    return lambda made: made.add("scan", flow=text)


def root(**more: Any) -> Callable[[Checkout], object]:
    def write(made: Checkout) -> None:
        path = made.root / "prefect.yaml"
        made.write("prefect.yaml", {**yaml.safe_load(path.read_text()), **more})

    return write


def both(*edits: Callable[[Checkout], object]) -> Callable[[Checkout], object]:
    return lambda made: [edit(made) for edit in edits]


def without_description(made: Checkout) -> None:
    bare = {name: value for name, value in deployment("scan").items() if name != "description"}
    made.add("scan", bare, flow=FLOW.format(name="scan").replace('    """Count pages."""\n', ""))


RUN = {"type": "run-deployment", "source": "selected", "deployment": "scan/scam"}
EVENT = {"type": "event", "match": {}, "expect": ["a"], "posture": "Reactive"}
WRONG: dict[str, tuple[Callable[[Checkout], object], str, str]] = {
    "a mistyped key of a deployment": (scan(shedules=[]), "deployments.0.shedules", "write schedules"),
    "a key that nobody knows": (scan(colour="red"), "colour", "remove it"),
    "a mistyped key of the work pool": (scan(work_pool={**WORK, "job_variable": {}}), "job_variable", "write job_v"),
    "a mistyped key of a schedule": (scan(schedules=[{**NIGHTLY, "timzone": "UTC"}]), "timzone", "write timezone"),
    "a mistyped key of the workflow": (file(workflow={"owner": "a", "max-age": "1d"}), "max-age", "write max_age"),
    "a version": (scan(version="1"), "version", ""),
    "no owner": (file(workflow={}), "workflow.owner is missing", "add it"),
    "no workflow": (file(workflow=()), "workflow is missing", "add it"),
    "an unset variable": (scan(tags=["{{ $BRANCH }}"]), "{{ $BRANCH }} is not set in local", "environments/local.env"),
    "an undeclared variable": (scan(tags=["{{ prefect.variables.zone }}"]), "variable zone is declared nowhere", ""),
    "an output of no step": (scan(tags=["{{ build-image.tag }}"]), "no output of a build or push step", ""),
    "a block outside pull": (
        scan(parameters={"label": "{{ prefect.blocks.secret.key }}"}),
        "would be stored as plain text",
        "load the block",
    ),
    "a secret that nobody declares": (
        file(pull=[{"prefect.deployments.steps.git_clone": {"access_token": "{{ prefect.blocks.secret.git }}"}}]),
        "the secret git is declared nowhere",
        "",
    ),
    "no pull": (file(pull=()), "has no pull", "write pull:"),
    "an undeclared pool": (scan(work_pool={"name": "locl"}), "the work pool locl", "write local"),
    "an undeclared lane": (scan(work_pool={**WORK, "work_queue_name": "standart"}), "no lane standart", "write stand"),
    "an unknown job variable": (scan(work_pool={**WORK, "job_variables": {"comand": "x"}}), "comand", "write command"),
    "a job variable of a wrong type": (
        scan(work_pool={**WORK, "job_variables": {"stream_output": [1]}}),
        "job variable stream_output",
        "",
    ),
    "no slug": (scan(schedules=[{"cron": "0 1 * * *"}]), "the schedule has no slug", "add slug:"),
    "a slug twice": (scan(schedules=[NIGHTLY, NIGHTLY]), "the slug nightly is used twice", ""),
    "no anchor": (scan(schedules=[{"slug": "a", "interval": 60}]), "no anchor_date", "add anchor_date"),
    "two kinds of schedule": (scan(schedules=[{**NIGHTLY, "rrule": "FREQ=DAILY"}]), "exactly one of", ""),
    "no cron": (scan(schedules=[{**NIGHTLY, "cron": "61 1 * * *"}]), "61 1 * * *", ""),
    "no time zone": (scan(schedules=[{**NIGHTLY, "timezone": "Europe/Berln"}]), "no time zone Europe/Berln", ""),
    "no rule": (scan(schedules=[{"slug": "a", "rrule": "FREQ=OFTEN"}]), "FREQ=OFTEN", ""),
    "no parameter of the flow": (scan(parameters={"page": 1}), "takes no parameter page", "write pages"),
    "a parameter of a wrong type": (scan(parameters={"pages": "many"}), "parameter pages: 'many' is not", ""),
    "a schedule's parameter": (scan(schedules=[{**NIGHTLY, "parameters": {"page": 1}}]), "no parameter page", ""),
    "no such function": (scan(entrypoint="flows/scan/flow.py:scam"), "does not import", "fix the code"),
    "a missing dependency": (flow("import nothing_such\n" + FLOW.format(name="scan")), "nothing_such", "dependency g"),
    "code that fails": (flow("1 / 0\n" + FLOW.format(name="scan")), "ZeroDivisionError", ""),
    "a flow of another name": (
        flow(FLOW.format(name="scan").replace("@flow\n", '@flow(name="scanner")\n')),
        "the flow is named scanner",
        "@flow(name='scan')",
    ),
    "a function of another name": (
        both(flow(FLOW.format(name="read")), scan(entrypoint="flows/scan/flow.py:read")),
        "the function is read, the folder scan",
        "",
    ),
    "an entrypoint elsewhere": (scan(entrypoint="flow.py:scan"), "is not in this workflow's folder", "write flows/sc"),
    "a deployment of another name": (scan(name="nightly"), "is named after no folder", "write scan, or scan-"),
    "a name with capitals": (scan(name="Scan"), "deployments.0.name", ""),
    "a name twice": (lambda made: made.add("scan", deployment("scan"), deployment("scan")), "declared twice", ""),
    "no description": (without_description, "has no description", "add description:"),
    "a workflow that is not there": (file(workflow={"owner": "a", "reads": ["mail"]}), "it reads mail", ""),
    "no trigger": (scan(triggers=[{"posture": "Sometimes"}]), "no valid trigger", ""),
    "a mistyped key of a trigger": (scan(triggers=[{"expct": ["a"]}]), "unknown key 0.expct", "write expect"),
    "a mistyped key of an automation's trigger": (
        root(automations=[{"name": "a", "trigger": {**EVENT, "foreach": []}, "actions": [{"type": "do-nothing"}]}]),
        "unknown key trigger.foreach",
        "write for_each",
    ),
    "a mistyped key of an action": (
        root(automations=[{"name": "a", "trigger": EVENT, "actions": [{"type": "do-nothing", "stat": "x"}]}]),
        "unknown key 0.stat",
        "remove it",
    ),
    "an automation that runs nothing": (
        root(automations=[{"name": "a", "trigger": EVENT, "actions": [RUN]}]),
        "a runs scan/scam, which is declared nowhere",
        "write scan/scan",
    ),
    "an automation without a trigger": (root(automations=[{"name": "a", "actions": []}]), "trigger is missing", ""),
    "a pool twice": (root(work_pools=[{"name": "local", "type": "process", "description": ""}] * 2), "twice in w", ""),
    "a mistyped key of the platform": (root(variabels=[]), "unknown key variabels", "write variables"),
    "a variable's name": (root(variables=[{"name": "No Spaces", "value": 1}]), "variables.0.name", ""),
}


@pytest.fixture
def made(tmp_path: Path) -> Checkout:
    return Checkout.make(tmp_path / "repository", "scan")


@pytest.mark.parametrize("title", WRONG)
def test_what_is_wrong_is_found(made: Checkout, title: str) -> None:
    """One edit, one finding that names the thing and says what to write; and its line is in the file."""
    edit, found, instead = WRONG[title]
    edit(made)
    problems = check(made.root)
    told = [str(problem) for problem in problems]
    mine = [problem for problem in problems if found in problem.found]
    assert mine, told
    assert instead in mine[0].instead, told
    lines = (made.root / mine[0].file).read_text().splitlines()
    assert 1 <= mine[0].line <= len(lines)


def test_what_is_right_is_let_pass(made: Checkout) -> None:
    """All that a declaration may say."""
    made.write("environments/staging.env", "REGION=eu\nPREFECT_API_URL=https://prefect.example.com/api\n")
    made.write("environments/local.env", "REGION=here\n")
    root(
        variables=[{"name": "zone", "value": "a"}],
        secrets=[{"name": "git-token"}],
        limits=[{"name": "gpu", "limit": 2}],
        automations=[{"name": "a", "trigger": EVENT, "actions": [{**RUN, "deployment": "scan/scan-eu"}]}],
    )(made)
    full = {
        **deployment("scan"),
        "tags": ["{{ $REGION }}", "{{ prefect.variables.zone }}"],
        "parameters": {"pages": 3, "label": "{{ $REGION }}"},
        "schedules": [
            NIGHTLY,
            {"slug": "a", "interval": 60, "anchor_date": "2026-01-01T00:00:00Z", "parameters": {"pages": 1}},
            {"slug": "b", "rrule": "FREQ=DAILY", "parameters": {"pages": 2}},
        ],
        "triggers": [{"expect": ["a"], "parameters": {"label": "{{ event.name }}"}}],
        "work_pool": {**WORK, "job_variables": {"env": {"RUN": "{{ ctx.flow_run.id }}"}}},
    }
    pull = [*PULL, {"prefect.deployments.steps.git_clone": {"access_token": "{{ prefect.blocks.secret.git-token }}"}}]
    variant = {**deployment("scan"), "name": "scan-eu", "pull": []}
    made.add("scan", full, variant, pull=pull, definitions={"x": 1})
    assert check(made.root) == []


def test_this_repository_is_right() -> None:
    """In every environment."""
    assert check(ROOT) == []


def test_every_environment_is_looked_at(made: Checkout) -> None:
    """What local has and production lacks is found before production is reached."""
    made.write("environments/local.env", "REGION=here\n")
    made.write("environments/production.env", "OTHER=x\n")
    scan(tags=["{{ $REGION }}"])(made)
    (problem,) = check(made.root)
    assert "not set in production" in problem.found


@pytest.mark.parametrize(
    ("text", "line", "found"),
    [
        ("a: [1\nb: 2\n", 2, "no valid YAML"),
        ("deployments:\n  - name: scan\n    name: scan\n", 3, "the key name stands twice"),
        ("\tdeployments: 1\n", 1, "no valid YAML"),
        ("just words\n", 1, "Input should be"),
    ],
)
def test_text_that_is_no_declaration(made: Checkout, text: str, line: int, found: str) -> None:
    """With its line."""
    made.write("flows/scan/prefect.yaml", text)
    problems = check(made.root)
    assert any(problem.line == line and found in problem.found for problem in problems), problems


FOREIGN_RIGHT = """# Welcome to your prefect.yaml file!
name: theirs
prefect-version: 3.2.1
build: null
push:
pull:
- prefect.deployments.steps.git_clone:
    repository: https://example.com/x.git
    access_token: "{{ prefect.blocks.secret.token }}"
definitions:
  pool: &pool {name: k8s, work_queue_name: null, job_variables: {image: "{{ $IMAGE }}", anything: 1}}
team: data
deployments:
- name: null
  version:
  tags: []
  concurrency_limit: null
  description:
  flow_name: null
  entrypoint: null
  parameters: {}
  schedules: []
  infra_overrides: {}
  work_pool: {name: null, work_queue_name: null, job_variables: {}}
- name: etl
  entrypoint: src/etl.py:main
  parameters: {key: "{{ prefect.blocks.secret.key }}", env: "{{ $ENV }}"}
  schedule: {cron: "0 0 * * *"}
  work_pool: *pool
- name: etl-2
  entrypoint: src.etl.main
  schedules: [{interval: 600}, {cron: "{{ $CRON }}"}, {rrule: "FREQ=DAILY"}]
  triggers: [{expect: [x]}]
"""
FOREIGN_WRONG = {
    "deployments:\n- name: a\n  shedules: []\n": (3, "write schedules"),
    "deployments:\n- name: a\n  work_pool: {name: p, work_queue: q}\n": (3, "write work_queue_name"),
    "deployment:\n- name: a\n": (1, "write deployments"),
    "deployments:\n- name: a\n  schedules: [{cron: '0 0 * * *', interval: 5}]\n": (3, "Exactly one"),
    "deployments:\n- name: a\n  schedules: [{cron: 'often'}]\n": (3, "often"),
    "deployments:\n- name: a\n  parameters: [1]\n": (3, "Prefect skips the whole file"),
    "- a\n- b\n": (1, "holds a list"),
    "deployments: [\n": (2, "no valid YAML"),
    "deployments:\n- {name: a, entrypoint: f.py:f}\n- {name: a, entrypoint: f.py:f}\n": (3, "declared twice"),
}


def test_another_layout_is_checked_by_its_own_meaning(tmp_path: Path) -> None:
    """What Prefect accepts and keeps is no finding, however unlike ours it is."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "prefect.yaml").write_text(FOREIGN_RIGHT)
    (tmp_path / "prefect.yaml").write_text("")
    (tmp_path / "{{ cookiecutter.name }}").mkdir()
    (tmp_path / "{{ cookiecutter.name }}" / "prefect.yaml").write_text("{% if x %}\n")
    assert check(tmp_path) == []
    assert check(tmp_path / "deep" / "er" / "prefect.yaml") == []


@pytest.mark.parametrize("text", FOREIGN_WRONG)
def test_another_layout_is_told_what_prefect_ignores(tmp_path: Path, text: str) -> None:
    """With file and line, and no crash."""
    line, told = FOREIGN_WRONG[text]
    (tmp_path / "prefect.yaml").write_text(text)
    problems = check(tmp_path)
    assert any(problem.line == line and told in str(problem) for problem in problems), problems


def test_annotations_cannot_be_forged(capsys: pytest.CaptureFixture[str]) -> None:
    """A value from a pull request stays inside its own annotation, whatever it holds."""
    from rich.console import Console  # noqa: PLC0415

    problem = Problem(Path("flows/a,b/prefect.yaml"), 3, "found\n::error::forged 100%", "write x")
    print_problems([problem], "github", Console(soft_wrap=True))
    out = capsys.readouterr().out
    assert (
        out
        == "::error file=flows/a%2Cb/prefect.yaml,line=3,title=gitops check::found%0A::error::forged 100%25; write x\n"
    )
    print_problems([problem], "json", Console())
    assert json.loads(capsys.readouterr().out)["problems"][0]["line"] == 3
