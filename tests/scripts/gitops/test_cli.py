"""The commands as typed: exit codes, and errors that a person can act on."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from scripts.gitops.server import Server
from tests.scripts.gitops.checkout import Checkout, deployment
from tests.scripts.gitops.conftest import read_deployments

Make = Callable[..., Checkout]
VERBS = ("check", "plan", "apply", "render", "versions", "secret set", "secret check")


@pytest.mark.parametrize("verb", VERBS)
def test_help_says_what_a_verb_does(tmp_path: Path, verb: str) -> None:
    """With its exit codes where they differ."""
    said = Checkout(tmp_path)._run(["uv", "run", "--no-sync", "gitops", *verb.split(), "--help"], cwd=Path.cwd())
    assert said.returncode == 0
    assert len(said.stdout) > 300
    if verb in ("check", "plan", "apply", "secret check"):
        assert "Exit codes:" in said.stdout


def test_completion_can_be_installed(tmp_path: Path) -> None:
    """The shell's script is printed."""
    made = Checkout(tmp_path, {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    said = made._run(["uv", "run", "--no-sync", "gitops", "--show-completion", "bash"], cwd=Path.cwd())
    assert "gitops" in said.stdout + said.stderr


def test_exit_codes_of_a_plan(checkout: Make, server: Server) -> None:
    """2 where something would change, 0 where nothing would; without the option always 0."""
    made = checkout("scan")
    assert made.gitops("plan", "--exit-code").returncode == 2
    assert made.gitops("plan").returncode == 0
    assert made.gitops("apply").returncode == 0
    assert made.gitops("plan", "--exit-code").returncode == 0


def test_server_down(checkout: Make) -> None:
    made = checkout("scan")
    made.environment |= {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_CLIENT_MAX_RETRIES": "0"}
    refused = made.gitops("plan")
    assert refused.returncode == 1
    assert "no answer from http://127.0.0.1:9/api" in refused.stderr
    assert "Traceback" not in refused.stderr


class Stub(BaseHTTPRequestHandler):
    """A server that answers everything alike."""

    status, body = 200, b'"3.7.1"'

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(self.body)

    do_POST = do_GET  # noqa: N815 - the name that http.server looks for

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stub() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b'"3.7.1"', "runs Prefect 3.7.1; 3.8 or newer is needed"),
        (401, b'{"detail": "no"}', "refuses our credentials (401); set PREFECT_API_AUTH_STRING"),
    ],
)
def test_a_server_that_cannot_be_used(
    checkout: Make, stub: HTTPServer, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, told: str
) -> None:
    """Too old, or closed to us."""
    monkeypatch.setattr(Stub, "status", status)
    monkeypatch.setattr(Stub, "body", body)
    made = checkout("scan")
    made.environment["PREFECT_API_URL"] = f"http://127.0.0.1:{stub.server_port}/api"
    refused = made.gitops("plan")
    assert refused.returncode == 1
    assert told in refused.stderr


def test_placeholders_refuse_to_deploy(checkout: Make) -> None:
    """Outside local; and an environment that is not there is named with those that are."""
    made = checkout("scan")
    made.write("environments/staging.env", "PREFECT_API_URL=https://prefect.staging.example.com/api\n")
    refused = made.gitops("apply", "--env", "staging")
    assert refused.returncode == 1
    assert "PREFECT_API_URL=https://prefect.staging.example.com/api is a placeholder" in refused.stderr
    assert "environments here: staging" in made.gitops("plan", "--env", "stagin").stderr


def test_two_servers_named_at_once(checkout: Make) -> None:
    """The environment's file and the shell must not name different ones."""
    made = checkout("scan")
    made.write("environments/staging.env", "PREFECT_API_URL=http://127.0.0.1:9/api\n")
    refused = made.gitops("plan", "--env", "staging")
    assert "environments/staging.env names http://127.0.0.1:9/api, and PREFECT_API_URL is" in refused.stderr


def test_apply_refuses_what_check_finds(checkout: Make, server: Server) -> None:
    """And changes nothing."""
    made = checkout()
    made.add("scan", {**deployment("scan"), "work_pool": {"name": "locl"}})
    refused = made.gitops("apply")
    assert refused.returncode == 1
    assert "flows/scan/prefect.yaml:" in refused.stderr
    assert "write local" in refused.stderr
    assert server.list("/work_pools/filter") == []


def test_secrets_are_set_from_standard_input_and_never_shown(checkout: Make, server: Server) -> None:
    """Missing, set, present; a name that nobody declares is refused."""
    made = checkout("scan", secrets=[{"name": "mail-password"}])
    missing = made.gitops("secret", "check")
    assert (missing.returncode, missing.stdout.split()) == (1, ["missing", "mail-password"])
    assert "did you mean mail-password?" in made.gitops("secret", "set", "mail-pasword", input="x").stderr
    assert "nothing on standard input" in made.gitops("secret", "set", "mail-password", input="").stderr
    for value in ("hunter2", "hunter3\n"):
        stored = made.gitops("secret", "set", "mail-password", input=value)
        assert stored.returncode == 0, stored.stderr
        assert "hunter" not in stored.stdout + stored.stderr
    (block,) = server.list("/block_documents/filter", include_secrets=True, block_types={"slug": {"any_": ["secret"]}})
    assert block["data"]["value"] == "hunter3"
    assert made.gitops("secret", "check").returncode == 0
    assert made.gitops("apply").returncode == 0
    assert "hunter" not in made.gitops("plan", "--format", "json").stdout


def test_render_and_hand_over(checkout: Make, server: Server) -> None:
    """What was rendered elsewhere is compared as if the checkout were here; a tampered file is refused."""
    made = checkout("scan", "mail")
    assert made.gitops("apply").returncode == 0
    made.add("scan", {**deployment("scan"), "tags": ["new"]})
    declared = made.root / "declared.json"
    assert made.gitops("render", "--declared", str(declared)).returncode == 0
    by_file = json.loads(made.gitops("plan", "--declared", str(declared), "--format", "json").stdout)
    assert by_file == json.loads(made.gitops("plan", "--format", "json").stdout)
    rendered = list(yaml.safe_load_all(made.gitops("render").stdout))
    assert {file["deployments"][0]["name"] for file in rendered if file} == {"scan", "mail"}
    tampered = json.loads(declared.read_text())
    tampered["resources"][0]["kind"] = "shell"
    declared.write_text(json.dumps(tampered))
    refused = made.gitops("plan", "--declared", str(declared))
    assert refused.returncode == 1
    assert "is not what gitops render wrote: resources.0.kind" in refused.stderr


@pytest.mark.slow
def test_an_older_or_unrelated_commit_is_refused(checkout: Make, server: Server) -> None:
    """A newer one is applied; a revert is a new commit."""
    made = checkout("scan")
    made.write(".gitignore", ".state\n")
    made.git("init", "-q", "-b", "main")
    made.git("add", "-A")
    made.git("commit", "-qm", "one")
    made.git("commit", "-q", "--allow-empty", "-m", "two")
    assert made.gitops("apply").returncode == 0
    made.git("checkout", "-q", "HEAD~1")
    older = made.gitops("apply")
    assert older.returncode == 1
    assert "is older than the live one" in older.stderr
    made.git("commit", "-q", "--allow-empty", "-m", "beside")
    assert "does not descend from the live one" in made.gitops("apply").stderr
    assert made.gitops("apply", "--force").returncode == 0
    made.git("checkout", "-q", "--orphan", "new")
    made.git("commit", "-qm", "another history")
    made.git("branch", "-qD", "main")
    made.git("reflog", "expire", "--expire=now", "--all")
    made.git("gc", "-q", "--prune=now")
    assert "is live and not in this checkout" in made.gitops("apply").stderr


@pytest.mark.slow
def test_pruning_most_of_all_wants_a_word(checkout: Make, server: Server) -> None:
    """A wrong folder or an empty merge must not empty a server."""
    made = checkout("scan", "mail", "file", "sort")
    assert made.gitops("apply").returncode == 0
    for name in ("scan", "mail", "file"):
        made.remove(name)
    refused = made.gitops("apply")
    assert "3 of 4 deployments would be removed" in refused.stderr
    assert len(read_deployments(server)) == 4
    assert made.gitops("apply", "--prune-share", "1").returncode == 0
    assert list(read_deployments(server)) == ["sort/sort"]


@pytest.mark.slow
def test_a_failed_apply_puts_all_back(checkout: Make, server: Server) -> None:
    """Deployments that were changed, those that were new, and the platform."""
    automation = {"name": "notice", "trigger": {"type": "event", "expect": ["a"]}, "actions": [{"type": "do-nothing"}]}
    made = checkout("scan", variables=[{"name": "zone", "value": 1}], automations=[automation])
    assert made.gitops("apply").returncode == 0
    before = read_deployments(server)["scan/scan"]
    kinds = ("variables", "work_pools", "work_queues", "automations")
    platform_before = {kind: names_and_tags(server, kind) for kind in kinds}
    # Only the server itself knows how large it lets parameters be.
    broken = {"label": "x" * 600_000}
    made.add("scan", {**deployment("scan"), "tags": ["new"]})
    made.add("sort")
    made.add("zip", {**deployment("zip"), "parameters": broken})
    declared = yaml.safe_load((made.root / "prefect.yaml").read_text())
    made.write("prefect.yaml", {**declared, "variables": [{"name": "zone", "value": 2}, {"name": "new", "value": 1}]})
    failed = made.gitops("apply")
    assert failed.returncode == 1
    assert "zip/zip" in failed.stderr
    assert "put back as it was" in failed.stdout
    after = read_deployments(server)
    assert list(after) == ["scan/scan"]
    assert {kind: names_and_tags(server, kind) for kind in kinds} == platform_before
    changed = {name for name in before if before[name] != after["scan/scan"][name]}
    assert changed <= {"updated", "parameter_openapi_schema", "schedules"}
    for name in ("zip", "sort"):
        made.remove(name)
    made.add("scan")
    made.write("prefect.yaml", declared)
    assert made.gitops("plan", "--exit-code").returncode == 0


def names_and_tags(server: Server, kind: str) -> set[tuple[str, ...]]:
    return {(row["name"], *sorted(row.get("tags", ()))) for row in server.list(f"/{kind}/filter")}
