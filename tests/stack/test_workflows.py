"""From a pull request to production: the workflows of `.github/` as they stand, on servers of this machine."""

import io
import json
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.embedded import start_server, stop_embedded
from scripts.gitops.server import Server, open_server
from shared.settings import Settings
from tests.documented import Terminal
from tests.stack.actions import Run, Runner
from tests.stack.github import REPOSITORY, FakeGitHub, serve
from tests.stack.host import Host

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SECRETS = ("SECRET-OF-STAGING", "SECRET-OF-PRODUCTION", "SECRET-OF-PREVIEW")
PLANTED = """
import json, os, pathlib, uuid
try:
    pathlib.Path({folder!r}, f"{{uuid.uuid4()}}.json").write_text(json.dumps(dict(os.environ)))
except OSError:
    pass
"""


@dataclass
class Team:
    """A repository on GitHub, with its runner, its servers, and somebody's clone."""

    host: Host
    github: FakeGitHub
    runner: Runner
    work: Path
    leaks: Path
    urls: dict[str, str]

    def git(self, *words: str) -> str:
        git = ["git", "-C", str(self.work), "-c", "user.name=t", "-c", "user.email=t@localhost", *words]
        return subprocess.run(git, check=True, capture_output=True, text=True).stdout.strip()

    def push(self, message: str, branch: str) -> str:
        self.git("checkout", "-q", "-B", branch)
        self.git("commit", "-q", "-a", "-m", message)
        self.git("push", "-q", "--force", "origin", branch)
        return self.git("rev-parse", "HEAD")

    def append(self, place: str, text: str) -> None:
        with (self.work / place).open("a") as file:
            file.write(text)

    def event(self, name: str, sha: str, **event: Any) -> dict[str, Any]:
        return {"event_name": name, "repository": REPOSITORY, "actor": "someone", "sha": sha, "event": event}

    def main(self) -> str:
        return self.git("rev-parse", "origin/main")

    @contextmanager
    def server(self, environment: str) -> Iterator[Server]:
        if environment == "staging":
            with self.host.server() as server:
                yield server
        else:
            with temporary_settings({PREFECT_API_URL: self.urls[environment]}), open_server() as server:
                yield server

    def image(self, environment: str, name: str = "ocr-intake") -> str | None:
        with self.server(environment) as server:
            row = server.find(f"/deployments/name/ocr-intake/{name}")
        return row["job_variables"]["image"] if row else None

    def look_for_leaks(self) -> int:
        """How often the planted code ran; it has never seen a credential."""
        found = [path.read_text() for path in self.leaks.iterdir()]
        for text in found:
            assert not [secret for secret in (*SECRETS, self.host.api_auth, "ghs_fake") if secret in text], text
        return len(found)


@pytest.fixture(scope="module")
def team(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("team")
    host.run("scripts/up")
    if not host.api_auth:
        host.log_in()
        host.run("uv run gitops secret set ledger-url --env staging < .state/secrets/ledger_url")
    states = {name: Settings(state=folder / name) for name in ("production", "preview")}
    urls = {name: start_server(settings).api_url for name, settings in states.items()}
    for name, url in urls.items():
        suffix = "-previews" if name == "preview" else ""
        host.fill_in(name, PREFECT_API_URL=url, IMAGE_REPOSITORY=host.images + suffix)
    host.commit("Name the other servers")
    bare, work = folder / "mailroom.git", folder / "work"
    subprocess.run(["git", "clone", "-q", "--bare", str(host.root), str(bare)], check=True)
    subprocess.run(["git", "clone", "-q", str(bare), str(work)], check=True)
    with serve() as github:
        environment = {
            "HOME": str(folder),
            "GITHUB_API_URL": github.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "CI": "true",
            "COLUMNS": "200",
        }
        auth = host.api_auth
        secrets = {
            "plan": {"PREFECT_API_AUTH_STRING_STAGING": auth, "PREFECT_API_AUTH_STRING_PRODUCTION": SECRETS[1]},
            "staging": {"PREFECT_API_AUTH_STRING": auth},
            "production": {"PREFECT_API_AUTH_STRING": SECRETS[1]},
            "preview": {"PREFECT_API_AUTH_STRING": SECRETS[2]},
        }
        (folder / "jobs").mkdir()
        leaks = folder / "leaks"
        leaks.mkdir()
        runner = Runner(bare, folder / "jobs", environment, {"RUNNER": "ours"}, secrets)
        made = Team(host, github, runner, work, leaks, urls)
        for name, url in urls.items():
            person = Terminal(host.root, {**host.environment, "PREFECT_API_URL": url, "PREFECT_API_AUTH_STRING": ""})
            person.run(f"echo sqlite:////scratch/ledger.db | uv run gitops secret set ledger-url --env {name}")
        yield made
    for settings in states.values():
        stop_embedded(settings)


def pack(path: Path) -> bytes:
    """As GitHub keeps an artifact."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for each in sorted(path.iterdir()) if path.is_dir() else [path]:
            archive.write(each, each.name)
    return buffer.getvalue()


def succeed(run: Run, *jobs: str) -> None:
    assert {job: run.results[job] for job in jobs} == dict.fromkeys(jobs, "success"), "\n".join(run.told.values())


def test_a_merge_goes_live(team: Team) -> None:
    """Built once, tried out on staging, and the same digest on production; the summary says so."""
    team.append("flows/ocr_intake/steps.py", "# First.\n")
    commit = team.push("Change a step", "main")
    run = team.runner.run("deploy", team.event("push", commit))
    succeed(run, "build", "staging", "production")
    assert "smoke run of ocr-intake/ocr-intake: Completed" in run.told["staging"]
    assert "@sha256:" in str(team.image("staging"))
    assert team.image("staging") == team.image("production")
    assert "applied" in (team.runner.folder / "staging.summary.md").read_text()
    again = team.runner.run("deploy", team.event("push", commit))
    succeed(again, "build", "staging", "production")
    assert "building" not in again.told["build"]
    assert "nothing to try out" in again.told["staging"]
    with team.server("staging") as server:  # As if the first had been killed between apply and smoke run.
        for tried in server.list("/flow_runs/filter", flow_runs={"tags": {"all_": ["smoke"]}}):
            server.delete(f"/flow_runs/{tried['id']}")
    again = team.runner.run("deploy", team.event("push", commit), only=("build", "staging"))
    assert "smoke run of ocr-intake/ocr-intake: Completed" in again.told["staging"]


def test_a_pull_request_is_planned(team: Team) -> None:
    """In one comment, kept up to date; its code has run in ci alone, and has found no credential there."""
    team.append("flows/ocr_intake/flow.py", PLANTED.format(folder=str(team.leaks)))
    head = team.push("Plant something", "planted")
    source = {"sha": head, "ref": "planted", "repo": {"full_name": REPOSITORY}}
    pull = {"number": 1, "state": "open", "head": source, "base": {"sha": team.main()}, "labels": []}
    team.github.pulls.append(pull)
    jobs = ("images", "declare", "gate")  # The other two are the tests themselves.
    ci = team.runner.run("ci", team.event("pull_request", head, pull_request=pull), only=jobs)
    succeed(ci, *jobs)
    ran = team.look_for_leaks()
    assert ran > 0
    team.github.add_run(head, {name: pack(path) for name, path in ci.artifacts.items()})
    done = {
        "event": "pull_request",
        "conclusion": "success",
        "head_sha": head,
        "head_repository": {"full_name": REPOSITORY},
    }
    for _ in range(2):
        run = team.runner.run("plan", team.event("workflow_run", team.main(), workflow_run=done))
        succeed(run, "plan")
    (comment,) = team.github.comments
    assert comment["issue"] == 1
    for environment in ("staging", "production"):
        assert f"### Plan for {environment}" in comment["body"]
    assert comment["body"].count("| update | deployment `ocr-intake/ocr-intake`") == 2
    assert team.look_for_leaks() == ran
    fork = {**done, "head_repository": {"full_name": "stranger/mailroom"}}
    run = team.runner.run("plan", team.event("workflow_run", team.main(), workflow_run=fork))
    assert run.results == {"plan": "skipped", "unlabel": "skipped"}


def test_a_fork_is_planned_by_its_label(team: Team) -> None:
    """Once somebody has looked at it; a push takes the label off. Without a runner nothing of it begins."""
    (ours,) = team.github.pulls
    head = ours["head"]["sha"]
    source = {**ours["head"], "repo": {"full_name": "stranger/mailroom"}}
    pull = {**ours, "number": 2, "head": source, "labels": [{"name": "plan"}]}
    team.github.pulls.append(pull)
    labeled = {"action": "labeled", "label": {"name": "plan"}, "pull_request": pull}
    event = team.event("pull_request_target", team.main(), **labeled)
    run = team.runner.run("plan", event)
    assert run.results["plan"] == "failure"
    assert "ci has not run for" in run.told["plan"]  # Only ours has, of the very same commit.
    (ci,) = team.github.runs
    artifacts = {row["name"]: row["content"] for row in team.github.artifacts.values() if row["run"] == ci["id"]}
    team.github.add_run(head, artifacts, source="stranger/mailroom")
    ran = team.look_for_leaks()
    succeed(team.runner.run("plan", event), "plan")
    assert team.look_for_leaks() == ran
    assert [comment["issue"] for comment in team.github.comments] == [1, 2]
    pushed = team.event("pull_request_target", team.main(), action="synchronize", pull_request=pull)
    succeed(team.runner.run("plan", pushed), "unlabel")
    assert pull["labels"] == []
    team.github.pulls.remove(pull)
    alone = replace(team.runner, variables={})
    wanted = {**labeled, "label": {"name": "preview"}}
    begins = {"plan": event, "preview": team.event("pull_request_target", team.main(), **wanted), "deploy": event}
    for name, begun in begins.items():
        assert set(alone.run(name, begun).results.values()) == {"skipped"}, name


def test_a_preview_beside_all_else(team: Team) -> None:
    """Up by its label from what ci has built, down by a push; no line of it ran where a credential was."""
    (pull,) = team.github.pulls
    pull["labels"] = [{"name": "preview"}]
    ran, head = team.look_for_leaks(), pull["head"]["sha"]
    labeled = {"action": "labeled", "label": {"name": "preview"}, "pull_request": pull}
    run = team.runner.run("preview", team.event("pull_request_target", team.main(), **labeled))
    succeed(run, "push", "up")
    assert run.results["down"] == "skipped"
    image = team.image("preview", "ocr-intake--pr-1")
    assert str(image).startswith(f"{team.host.images}-previews/ocr-intake@sha256:")
    assert team.image("production", "ocr-intake--pr-1") is None
    assert "up: ocr-intake/ocr-intake--pr-1" in team.github.comments[-1]["body"]
    assert team.look_for_leaks() == ran
    pushed = {"action": "synchronize", "pull_request": {**pull, "head": {"sha": "0" * 40}}}
    run = team.runner.run("preview", team.event("pull_request_target", team.main(), **pushed))
    succeed(run, "down")
    assert pull["labels"] == []
    assert team.image("preview", "ocr-intake--pr-1") is None
    pull["head"] = {**pull["head"], "sha": "f" * 40}
    moved = {**labeled, "pull_request": {**pull, "head": {"sha": head}}}
    run = team.runner.run("preview", team.event("pull_request_target", team.main(), **moved))
    assert run.results == {"push": "failure", "up": "skipped", "down": "skipped"}
    assert "#1 is no longer open at" in run.told["push"]


def test_a_failing_smoke_run_goes_back(team: Team) -> None:
    """Staging has again what it had, and production has never had anything else."""
    before = team.image("staging")
    team.git("checkout", "-q", "main")
    place = team.work / "flows/ocr_intake/flow.py"
    place.write_text(
        place.read_text().replace(
            "    request = Request(", '    raise RuntimeError("broken")\n    request = Request(', 1
        )
    )
    commit = team.push("Break it", "main")
    run = team.runner.run("deploy", team.event("push", commit))
    assert run.results == {"build": "success", "staging": "failure", "production": "skipped"}, run.told
    assert "smoke run of ocr-intake/ocr-intake: Failed" in run.told["staging"]
    assert "rolled staging back" in run.told["staging"]
    assert team.image("staging") == team.image("production") == before
    with team.server("staging") as server:
        live = server.get("/variables/name/gitops-live-mailroom")["value"]["commit"]
    assert live == team.git("rev-parse", f"{commit}~1")


def test_drift_is_one_issue(team: Team) -> None:
    """Opened, kept up to date, and closed once nothing is left of it."""
    checkout = team.runner.checkout(team.git("rev-parse", "main~1"), "drift")
    team.host.environment |= {
        "GITHUB_API_URL": team.github.url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": "ghs_fake",
    }
    there = Host(checkout, environment=team.host.environment)
    with team.server("staging") as server:
        row = server.get("/deployments/name/ocr-intake/ocr-intake")
        server.patch(f"/deployments/{row['id']}", {"description": "By hand."})
        assert "opened issue 500" in there.run("uv run delivery drift-issue --env staging")
        assert "updated issue 500" in there.run("uv run delivery drift-issue --env staging")
        assert "By hand." in team.github.issues[0]["body"]
        server.patch(f"/deployments/{row['id']}", {"description": row["description"]})
    assert "closed issue 500" in there.run("uv run delivery drift-issue --env staging")
    assert [each["state"] for each in team.github.issues] == ["closed"]
    assert json.loads(json.dumps(team.github.comments[-1]))["issue"] == 500
