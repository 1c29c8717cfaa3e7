"""The commands of docs/deploy.md and docs/operate.md, typed by a person who follows them, and what they bring about."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from scripts.demo_documents import draw_demo
from scripts.embedded import start_server, start_worker, stop_embedded
from scripts.gitops.server import Server, open_server
from shared.settings import Settings
from tests.documented import Terminal, copy_repository

pytestmark = pytest.mark.slow

DECLARATION = Path("flows/ocr_intake/prefect.yaml")
FLOW = Path("flows/ocr_intake/steps.py")


class Person(Terminal):
    """At a terminal, with a server of the name `staging`, a worker, and an inbox."""

    server: Server
    previews: Path
    start_worker: Callable[[], None]

    def commit(self, message: str) -> str:
        git = ["git", "-C", str(self.root), "-c", "user.name=t", "-c", "user.email=t@localhost"]
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "-m", message], check=True)
        return self.run("git rev-parse HEAD").strip()

    def edit(self, place: Path | str, old: str, new: str) -> None:
        path = self.root / place
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def row(self, name: str = "ocr-intake") -> dict[str, Any]:
        found: dict[str, Any] = self.server.get(f"/deployments/name/ocr-intake/{name}")
        return found


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Person]:
    folder = tmp_path_factory.mktemp("documented")
    settings = Settings(state=folder / "state", ledger_url=f"sqlite:///{folder}/ledger.db")
    person = Person(copy_repository(folder / "mailroom"))
    person.previews = folder / "previews"
    draw_demo(person.root / "inbox")
    draw_demo(person.root / "samples")
    embedded = start_server(settings)
    person.environment = {
        "PREFECT_API_URL": embedded.api_url,
        "PREFECT_HOME": str(folder / "home"),
        "HOME": str(folder),
        "MAILROOM_LEDGER_URL": settings.ledger,
    }
    staging = f"PREFECT_API_URL={embedded.api_url}\nWORK_POOL=local\nMAILROOM_PREVIEWS={person.previews}\n"
    (person.root / "environments/staging.env").write_text(staging)
    # A staging without containers: the pages on Docker have a test of their own.
    person.edit("prefect.yaml", "environments: [local]", "environments: [local, staging]")
    for _ in range(2):
        person.edit(
            "prefect.yaml", "environments: [staging, production, preview]", "environments: [production, preview]"
        )
    (person.root / ".gitignore").write_text(".state/\n__pycache__/\ninbox\nsamples\narchive\nlook\n*.json*\n")
    person.commit("Fill in the environment")
    person.start_worker = lambda: start_worker(settings, embedded, "local")
    with temporary_settings({PREFECT_API_URL: embedded.api_url}), open_server() as server:
        person.server = server
        yield person
    stop_embedded(settings)


def test_the_first_deploy(person: Person) -> None:
    """Checked, planned, applied; then nothing is left to do, and everything is live."""
    assert "nothing found" in person.run("uv run gitops check")
    assert "deployment ocr-intake/ocr-intake" in person.run("uv run gitops plan --env staging")
    assert "applied" in person.run("uv run gitops apply --env staging")
    assert "no changes" in person.run("uv run gitops plan --env staging")
    assert person.row()["tags"] == ["documents", "managed-by:mailroom"]
    person.run("uv run gitops render --env staging --declared FILE", FILE="declared.json")
    assert "no changes" in person.run("uv run gitops plan --env staging --declared FILE", FILE="declared.json")
    person.edit(DECLARATION, "    tags:", "    schedules: [{slug: hourly, cron: 5 * * * *}]\n    tags:")
    assert "24 a day" in person.run("uv run gitops schedule --env staging --timezone Europe/Berlin")
    person.run("git checkout -q .")
    assert "bash" in person.run("uv run gitops --install-completion")
    assert (Path(person.environment["HOME"]) / ".bash_completions/gitops.sh").is_file()


def test_a_batch(person: Person) -> None:
    """Run, forecast, read differently, looked at in place; status and report know of it."""
    person.start_worker()
    person.run("uv run batch run ocr-intake --source inbox --destination archive --report report.json")
    report = json.loads((person.root / "report.json").read_text())
    assert {name: report[name] for name in ("inputs", "done", "duplicate", "quarantined")} == {
        "inputs": 9,
        "done": 6,
        "duplicate": 1,
        "quarantined": 2,
    }
    assert (person.root / "archive/letter.pdf.txt").is_file()
    told = person.run("uv run batch run ocr-intake --source inbox --destination archive --dry-run")
    assert "pages" in told
    person.run("uv run batch run ocr-intake --source inbox --destination archive --set recognition=program")
    assert json.loads((person.root / "archive/letter.pdf.json").read_text())["outcome"] == "done"
    person.run("uv run batch run ocr-intake --here inbox/letter.pdf --destination look")
    assert (person.root / "look/letter.pdf").is_file()
    assert report["batch"][:8] in person.run("uv run batch status")
    person.run("uv run batch report BATCH --receipts receipts.jsonl", BATCH=report["batch"][:8])
    assert len((person.root / "receipts.jsonl").read_text().splitlines()) == 9


def test_change_and_rollback(person: Person) -> None:
    """The versions say what changed; the rollback brings the old version back."""
    first = person.run("git rev-parse HEAD").strip()
    before = person.row()["version"]
    person.edit(FLOW, '"""', '"""Changed. ')
    person.commit("Change a step")
    assert f"{FLOW} changed" in person.run("uv run gitops versions --since COMMIT", COMMIT=first)
    person.run("uv run gitops apply --env staging")
    assert person.row()["version"] != before
    assert "not taken back" in person.run("uv run gitops rollback --env staging --to COMMIT", COMMIT=first)
    assert person.row()["version"] == before
    person.run("uv run gitops apply --env staging")
    assert person.row()["version"] != before


def test_drift(person: Person) -> None:
    """What was changed by hand is told, and healed by an apply."""
    assert "is as in" in person.run("uv run gitops drift --env staging")
    person.server.patch(f"/deployments/{person.row()['id']}", {"description": "By hand."})
    assert "By hand." in person.run("uv run gitops drift --env staging --exit-code", code=2)
    assert "### Drift in staging" in person.run("uv run gitops drift --env staging --format markdown")
    person.run("uv run gitops apply --env staging")
    person.run("uv run gitops drift --env staging --exit-code")


def test_a_preview(person: Person) -> None:
    """A changed workflow works beside the live one, with outputs and a ledger of its own; then it is gone."""
    person.edit(FLOW, '"""', '"""Tried. ')
    assert "up: ocr-intake/ocr-intake--pr-12" in person.run("uv run gitops preview up pr-12 --env staging")
    told = person.run("uv run batch run ocr-intake/ocr-intake--pr-12 --source samples")
    assert "6 done" in told
    assert (person.previews / "pr-12/ocr-intake/letter.pdf").is_file()
    assert (person.previews / "pr-12/ledger.db").is_file()
    person.run("uv run gitops preview down pr-12 --env staging")
    assert person.server.find("/deployments/name/ocr-intake/ocr-intake--pr-12") is None
    assert person.row()["id"]
    person.run("git checkout -q .")


def test_a_secret(person: Person) -> None:
    """Declared by name, set from a file: its value is on the server and nowhere else."""
    person.edit("prefect.yaml", "\nsecrets:\n", "\nsecrets:\n  - name: smtp-password\n")
    (person.root / "value").write_text("hunter2\n")
    told = person.run("uv run gitops secret set NAME < FILE", NAME="smtp-password", FILE="value")
    assert "hunter2" not in told
    (row,) = person.server.list("/block_documents/filter", include_secrets=True)
    assert row["data"] == {"value": "hunter2"}
    person.run("git checkout -q .")
