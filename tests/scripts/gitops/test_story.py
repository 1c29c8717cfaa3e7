"""A year in the life of a repository: a bare origin, a developer's clone, the checkout of CI, and a real server."""

import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.benchmarks.kills import measure_kills
from scripts.gitops.server import Server
from tests.scripts.gitops.checkout import FLOW, LANES, Checkout, deployment
from tests.scripts.gitops.conftest import read_deployments, waiting_runs

pytestmark = pytest.mark.slow

ENVIRONMENT = "IMAGE_REPOSITORY=registry.test/mail\nMAILROOM_PREVIEWS=/previews\n"
POOLS = [
    {"name": "local", "type": "process", "description": "Beside the worker.", "lanes": LANES},
    {"name": "boxes", "type": "docker", "description": "In containers.", "lanes": LANES},
]
UNBUILT = re.compile(r"registry\.test/mail/[a-z-]+:[0-9a-f]+")
"""An image by its version; once built, it has a digest instead."""
HOURLY = {"slug": "hourly", "cron": "0 * * * *", "timezone": "Europe/Berlin"}


def boxed(name: str, **more: Any) -> dict[str, Any]:
    return {**deployment(name), "work_pool": {"name": "boxes", "work_queue_name": "standard"}, **more}


class Story:
    """Every merge goes through the bare repository; CI applies what it finds there, with the images it has built."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.server = server
        self.folder = folder
        self.bare = folder / "origin.git"
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.bare], check=True)
        environment = {"PREFECT_API_URL": server.url, "PREFECT_HOME": str(folder / "home")}
        self.work = Checkout.make(folder / "work", work_pools=POOLS)
        self.work.environment = environment
        self.work.write("environments/staging.env", ENVIRONMENT)
        self.work.write("environments/local.env", "IMAGE_REPOSITORY=registry.test/mail\n")
        self.work.write(".gitignore", ".state/\n__pycache__/\n")
        self.work.git("init", "-q", "-b", "main")
        self.work.git("remote", "add", "origin", str(self.bare))
        self.ci = Checkout(folder / "ci", environment)
        self.built: list[str] = []

    def merge(self, message: str) -> str:
        """The commit."""
        self.work.git("add", "-A")
        self.work.git("commit", "-q", "-m", message)
        self.work.git("push", "-q", "origin", "main")
        return self.work.git("rev-parse", "HEAD")

    def deploy(self, *words: str, build: bool = True) -> str:
        """What CI does on a merge; its output."""
        if not self.ci.root.exists():
            subprocess.run(["git", "clone", "-q", self.bare, self.ci.root], check=True)
        self.ci.git("fetch", "-q")
        self.ci.git("reset", "-q", "--hard", "origin/main")
        images = ["--images", str(self.build())] if build else []
        done = self.ci.gitops("apply", "--env", "staging", *images, *words)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def build(self) -> Path:
        """A stand-in for builder and registry: each image once, its digest made of its name."""
        path = self.folder / "images.json"
        digests = json.loads(path.read_text()) if path.exists() else {}
        done = self.ci.gitops("plan", "--env", "staging", "--format", "json")
        assert done.returncode == 0, done.stderr
        for name in sorted(set(UNBUILT.findall(done.stdout)) - set(digests)):
            digests[name] = f"sha256:{len(digests):064x}"
            self.built.append(name)
        path.write_text(json.dumps(digests))
        return path

    def gitops(self, *words: str, code: int = 0) -> str:
        done = self.ci.gitops(*words, "--env", "staging")
        assert done.returncode == code, done.stderr + done.stdout
        return done.stdout

    def row(self, name: str) -> dict[str, Any]:
        return read_deployments(self.server)[name]

    def image(self, name: str) -> str:
        return str(self.row(name)["job_variables"]["image"])


@pytest.fixture
def story(tmp_path: Path, server: Server) -> Story:
    return Story(tmp_path, server)


def test_a_year(story: Story, server: Server) -> None:
    """Added, changed, reverted, rolled back, edited by hand, previewed, removed; and one pause lasts through it all."""
    story.work.add("scan", boxed("scan", schedules=[HOURLY]))
    story.work.add("mail", deployment("mail", schedules=[HOURLY]))
    first = story.merge("Add two workflows")
    story.deploy()
    assert set(read_deployments(server)) == {"scan/scan", "mail/mail"}
    pause(server, story.row("mail/mail"))

    one_is_changed_and_only_that_is_deployed(story)
    a_revert_restores_the_version_without_a_build(story)
    a_rollback_restores_it_without_a_build(story, first)
    a_hand_is_seen_and_healed(story)
    a_preview_leaves_nothing_behind(story)
    a_removed_one_is_pruned_with_all_it_had(story)

    (schedule,) = story.row("mail/mail")["schedules"]
    assert not schedule["active"]


def pause(server: Server, row: dict[str, Any]) -> None:
    server.patch(f"/deployments/{row['id']}/schedules/{row['schedules'][0]['id']}", {"active": False})


def one_is_changed_and_only_that_is_deployed(story: Story) -> None:
    before = {name: row["updated"] for name, row in read_deployments(story.server).items()}
    story.first_image = story.image("scan/scan")  # type: ignore[attr-defined]
    story.work.write("flows/scan/flow.py", FLOW.format(name="scan").replace("Count pages", "Count all pages"))
    story.changed = story.merge("Change one")  # type: ignore[attr-defined]
    told = story.deploy()
    after = {name: row["updated"] for name, row in read_deployments(story.server).items()}
    assert "deployed scan/scan" in told
    assert "mail/mail" not in told
    assert (before["scan/scan"] != after["scan/scan"], before["mail/mail"]) == (True, after["mail/mail"])
    assert story.image("scan/scan") != story.first_image  # type: ignore[attr-defined]


def a_revert_restores_the_version_without_a_build(story: Story) -> None:
    story.work.git("revert", "--no-edit", "HEAD")
    story.work.git("push", "-q", "origin", "main")
    built = len(story.built)
    story.deploy(build=False)
    assert story.image("scan/scan") == story.first_image  # type: ignore[attr-defined]
    assert len(story.built) == built


def a_rollback_restores_it_without_a_build(story: Story, first: str) -> None:
    story.work.write("flows/scan/flow.py", FLOW.format(name="scan").replace("Count pages", "Count them"))
    story.work.add("late", boxed("late", triggers=[{"type": "event", "expect": ["mail"], "enabled": True}]))
    story.merge("Change one and add one")
    story.deploy()
    assert story.image("scan/scan") != story.first_image  # type: ignore[attr-defined]
    built = len(story.built)
    told = story.gitops("rollback", "--to", first, "--prune-share", "0.5")
    assert "not taken back: runs that have begun" in told
    assert story.image("scan/scan") == story.first_image  # type: ignore[attr-defined]
    assert set(read_deployments(story.server)) == {"scan/scan", "mail/mail"}
    assert len(story.built) == built
    assert story.gitops("drift", "--exit-code").startswith("no drift: deployment mail/mail turned off by hand")
    refused = story.ci.gitops("rollback", "--env", "staging", "--to", "origin/main")
    assert "rollback goes back, apply goes on" in refused.stderr
    story.deploy(build=False)  # What the next merge would do: on to the newest commit.
    assert "late/late" in read_deployments(story.server)


def find_drift(story: Story) -> dict[str, Any]:
    found = json.loads(story.gitops("drift", "--exit-code", "--format", "json", code=2))
    return {each["name"]: each for each in found["drift"]}


def a_hand_is_seen_and_healed(story: Story) -> None:
    row = story.row("scan/scan")
    (schedule,) = row["schedules"]
    hand = {"schedule": {"cron": "0 5 * * *", "timezone": "UTC"}}
    story.server.patch(f"/deployments/{row['id']}/schedules/{schedule['id']}", hand)
    story.server.patch(f"/deployments/{row['id']}", {"tags": [*row["tags"], "by-hand"]})
    story.server.delete(f"/deployments/{story.row('late/late')['id']}")
    drift = find_drift(story)
    deadline = time.monotonic() + 60
    while drift["late/late"]["changed"] is None and time.monotonic() < deadline:
        time.sleep(1)  # A server writes its events down a moment later.
        drift = find_drift(story)
    fields = {field["path"]: (field["git"], field["server"]) for field in drift["scan/scan"]["fields"]}
    assert fields["schedules.hourly.cron"] == ("0 * * * *", "0 5 * * *")
    assert fields["tags"] == ([], ["by-hand"])
    assert drift["scan/scan"]["changed"] >= schedule["updated"][:19]
    assert drift["late/late"]["found"] == "is gone from the server"
    assert drift["late/late"]["changed"] is not None
    assert "| `schedules.hourly.cron` |" in story.gitops("drift", "--format", "markdown")
    story.deploy(build=False)
    story.gitops("drift", "--exit-code")


KINDS = ("work_pools", "work_queues", "deployments", "automations", "variables", "flows", "flow_runs", "task_runs")
MORE = ("artifacts", "block_documents", "v2/concurrency_limits")


def everything(server: Server) -> dict[str, dict[str, Any]]:
    """All that a server lists, but for what its scheduler makes ahead; of work queues also their priorities."""
    return {
        kind: {
            row["id"]: row.get("priority") for row in server.list(f"/{kind}/filter") if not row.get("auto_scheduled")
        }
        for kind in (*KINDS, *MORE)
    }


def a_preview_leaves_nothing_behind(story: Story) -> None:
    before = everything(story.server)
    story.work.git("checkout", "-q", "-b", "feature")
    story.work.write("flows/scan/flow.py", FLOW.format(name="scan").replace("pages: int = 1", "destination: str = '/'"))
    story.work.add("fresh", deployment("fresh", schedules=[HOURLY]))
    story.work.git("add", "-A")
    story.work.git("commit", "-q", "-m", "Try something")
    story.work.git("push", "-q", "origin", "feature")
    story.ci.git("fetch", "-q")
    story.ci.git("checkout", "-q", "origin/feature")
    story.gitops("preview", "up", "pr-7", "--images", str(story.build()))
    rows = read_deployments(story.server)
    assert {name for name in rows if "--" in name} == {"scan/scan--pr-7", "fresh/fresh--pr-7"}
    scan = rows["scan/scan--pr-7"]
    assert (scan["schedules"], scan["work_queue_name"]) == ([], "preview--pr-7")
    assert scan["parameters"]["destination"] == "/previews/pr-7/scan"
    story.server.post(f"/deployments/{scan['id']}/create_flow_run", {"state": {"type": "SCHEDULED"}})
    story.gitops("preview", "up", "pr-7", "--images", str(story.build()))
    assert json.loads(story.gitops("drift", "--format", "json"))["drift"] == []
    story.gitops("preview", "down", "pr-7")
    assert everything(story.server) == before
    story.gitops("preview", "down", "pr-7")
    story.work.git("checkout", "-q", "main")


def a_removed_one_is_pruned_with_all_it_had(story: Story) -> None:
    gone = story.row("scan/scan")["id"]
    story.server.post(f"/deployments/{gone}/schedule", {"min_runs": 3})
    assert waiting_runs(story.server, gone)
    story.work.remove("scan")
    story.work.remove("late")
    story.merge("Remove two")
    story.deploy(build=False)
    assert set(read_deployments(story.server)) == {"mail/mail"}
    assert story.server.list("/automations/filter") == []
    assert waiting_runs(story.server, gone) == []


def test_what_a_rollback_refuses(story: Story) -> None:
    """No live commit, an unknown one, an image that this server was never given, declarations that it cannot read."""
    story.work.add("scan", boxed("scan"))
    first = story.merge("Add one")
    subprocess.run(["git", "clone", "-q", story.bare, story.ci.root], check=True)
    refused = story.ci.gitops("rollback", "--env", "staging", "--to", first)
    assert "no commit is known to be live" in refused.stderr
    assert "has no commit abcdef" in story.ci.gitops("rollback", "--env", "staging", "--to", "abcdef").stderr
    refused = story.ci.gitops("apply", "--env", "staging")
    assert "no digest is known of registry.test/mail/scan:" in refused.stderr
    assert read_deployments(story.server) == {}


def test_many_workflows_survive_kills() -> None:
    """Apply, a change of all, rollback and prune of thirty, each killed with SIGKILL half-way: the next one heals.

    The command "scripts/bench kills" does it with five hundred, and waits for the lock of each dead one.
    """
    found = measure_kills(30, wait_for_lock=False)
    assert set(found["minutes"]) == {"apply", "change", "rollback", "prune"}
