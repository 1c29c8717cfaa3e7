"""What the platform declares for some environments alone, and for all runs of a pool."""

from pathlib import Path
from typing import Any

import pytest

from scripts.gitops.checks import check
from scripts.gitops.declared import declare_platform
from scripts.gitops.environment import Environment, read_environment
from scripts.gitops.repository import read_repository
from scripts.gitops.resources import Kind
from tests.scripts.gitops.checkout import LANES, Checkout, deployment

DOCKER = {
    "name": "docker",
    "environments": ["staging"],
    "type": "docker",
    "description": "In containers.",
    "lanes": LANES,
    "job_defaults": {
        "mem_limit": "1g",
        "volumes": ["{{ $FOLDER }}:/x"],
        "env": {"KEY": "{{ prefect.blocks.secret.key }}"},
    },
}
SECRET = {"name": "key", "environments": ["staging"]}
LOCAL = {"name": "local", "environments": ["local"], "type": "process", "description": "Here.", "lanes": LANES}


@pytest.fixture
def made(tmp_path: Path) -> Checkout:
    made = Checkout.make(tmp_path)
    made.write("prefect.yaml", {"name": "example", "work_pools": [LOCAL, DOCKER], "secrets": [SECRET]})
    work = {"name": "{{ $POOL }}", "work_queue_name": "standard"}
    made.add("scan", deployment("scan", work_pool=work))
    made.write("environments/local.env", "POOL=local\n")
    made.write("environments/staging.env", "POOL=docker\nFOLDER=/srv/x\nIMAGE_REPOSITORY=registry.test/x\n")
    return made


def platform(made: Checkout, environment: str) -> dict[tuple[Kind, str], Any]:
    found = read_repository(made.root, read_environment(made.root, environment))
    assert found.problems == ()
    assert found.platform is not None
    return {each.address: each.fields for each in declare_platform(found.platform)}


def test_each_environment_has_its_own(made: Checkout) -> None:
    """And what is not for it is not even resolved: FOLDER is set in staging alone."""
    assert check(made.root) == []
    assert {name for kind, name in platform(made, "local") if kind is Kind.WORK_POOL} == {"local"}
    there = platform(made, "staging")
    assert (Kind.WORK_POOL, "local") not in there
    assert (Kind.SECRET, "key") in there


def test_job_defaults_become_the_defaults_of_the_template(made: Checkout) -> None:
    """All else of the template is Prefect's own; a secret is named, and its value is nowhere."""
    template = platform(made, "staging")[Kind.WORK_POOL, "docker"]["base_job_template"]
    properties = template["variables"]["properties"]
    assert properties["mem_limit"]["default"] == "1g"
    assert properties["volumes"]["default"] == ["/srv/x:/x"]
    assert properties["env"]["default"] == {"KEY": "{{ prefect.blocks.secret.key }}"}
    assert properties["auto_remove"]["default"] is False
    assert template["job_configuration"]["mem_limit"] == "{{ mem_limit }}"


def test_a_mistake_keeps_its_line(made: Checkout) -> None:
    """Items of other environments before it do not move it."""
    text = (made.root / "prefect.yaml").read_text().replace("mem_limit", "mem_limits")
    made.write("prefect.yaml", text)
    (problem,) = check(made.root)
    assert problem.line == text.splitlines().index("    mem_limits: 1g") + 1
    assert "write mem_limit" in problem.instead


def test_an_environment_that_is_none(made: Checkout) -> None:
    """Is named with those that are; an item for it would be declared nowhere."""
    text = (made.root / "prefect.yaml").read_text().replace("- staging", "- stagin", 1)
    made.write("prefect.yaml", text)
    found = [each for each in check(made.root) if each.rule == "environment"]
    assert [str(each.found) for each in found] == ["there is no environment stagin"]
    assert "local, staging" in found[0].instead
    assert Environment("local").is_local
