"""Images by name, by digest, remembered; and the recipe that builds them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.gitops.images import KEPT, Memory, find_unpinned, name_image, pin, read_digests
from scripts.gitops.recipe import run_steps
from scripts.gitops.resources import Kind, Resource
from scripts.gitops.server import Server
from shared.errors import ConfigError

NAME = name_image("registry.test:5000/mail/", "ocr_intake", "00ff")
DIGEST = f"sha256:{'a' * 64}"


def deployed(name: str = NAME) -> Resource:
    return Resource(Kind.DEPLOYMENT, "a/a", {"job_variables": {"image": name, "env": {}}}, image=name)


def test_an_image_is_pinned_by_its_digest() -> None:
    """The name loses its version and gains the digest; what is unknown, or no deployment, stays as it is."""
    assert NAME == "registry.test:5000/mail/ocr-intake:00ff"
    other = Resource(Kind.VARIABLE, "v", {"value": NAME})
    (pinned, same) = pin([deployed(), other], {NAME: DIGEST})
    assert pinned.fields["job_variables"] == {"image": f"registry.test:5000/mail/ocr-intake@{DIGEST}", "env": {}}
    assert same == other
    assert pin([deployed()], {}) == (deployed(),)
    assert find_unpinned([pinned, other]) == []
    assert find_unpinned([deployed()]) == [NAME]


@pytest.mark.parametrize(
    ("content", "said"),
    [("[1]", "no JSON object"), ("{", "cannot be read"), ('{"a:1": "latest"}', "write sha256: and 64 hex digits")],
)
def test_a_wrong_file_of_digests_is_refused(tmp_path: Path, content: str, said: str) -> None:
    """With what is wrong."""
    path = tmp_path / "images.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match=said):
        read_digests(path)


@pytest.mark.slow
def test_a_server_remembers_the_newest(server: Server) -> None:
    """As many as are kept of each workflow; another owner's are not seen."""

    def memory(owner: str = "us") -> Memory:
        return Memory.of(server, owner, server.list("/variables/filter"))

    for number in range(KEPT + 3):
        (resource,) = pin([deployed(f"r.test/scan:{number}")], {f"r.test/scan:{number}": DIGEST})
        memory().remember([resource])
    (other,) = pin([deployed("r.test/mail:1")], {"r.test/mail:1": DIGEST})
    memory().remember([other, replace(other, name="b/b")])
    assert set(memory().digests) == {*(f"r.test/scan:{number}" for number in range(3, KEPT + 3)), "r.test/mail:1"}
    assert memory("them").digests == {}


def join(first: str, second: str) -> dict[str, Any]:
    """A step of its own."""
    return {"joined": f"{first}-{second}"}


STEP = f"{__name__}.join"


def test_steps_hand_on_what_they_made() -> None:
    """Values by name, outputs by the id of their step; what Prefect reads of a step is not for its function."""
    steps = [
        {STEP: {"id": "one", "requires": "nothing", "first": "{{ $A }}", "second": "x"}},
        {STEP: {"id": "two", "first": "{{ one.joined }}", "second": "{{ $A }}"}},
    ]
    assert run_steps(steps, {"$A": "a"})["two.joined"] == "a-x-a"


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({STEP: {"first": "{{ $B }}", "second": ""}}, r"nothing is known of \{\{ \$B \}\}"),
        ({"nowhere.at.all": {}}, "there is no step nowhere.at.all"),
        ({STEP: {"first": "a"}}, "missing 1 required positional argument: 'second'"),
        ({STEP: {}, "other": {}}, "a step has one function"),
    ],
)
def test_a_wrong_step_is_told(step: dict[str, Any], said: str) -> None:
    """By its name, and what is wrong with it."""
    with pytest.raises(ConfigError, match=said):
        run_steps([step], {})
