"""A merge made live: apply, a smoke run, and back to the commit of before where that fails."""

import os
from collections.abc import Callable
from pathlib import Path

from scripts.delivery.smoke import has_passed, run_smoke
from scripts.gitops import rollback, verbs
from scripts.gitops.apply import Options
from scripts.gitops.commits import Commit, read_commit
from scripts.gitops.history import read_live_commit
from scripts.gitops.images import read_digests
from scripts.gitops.preview import find_folder
from scripts.gitops.repository import deployments_of
from scripts.gitops.resources import Action, Kind, Plan
from scripts.gitops.schema import Smoke
from scripts.gitops.server import Server
from scripts.gitops.session import Session

LOCK_SECONDS = 900
"""Another apply may be at work."""
SUMMARY = "GITHUB_STEP_SUMMARY"
Tell = Callable[[str], None]


def deploy(root: Path, env: str, images: Path, tell: Tell, *, smoke: bool) -> None:
    """Raises MailroomError where it fails; the server is then as it was before."""
    log = Log(tell, f"Deploy to {env}")
    session = Session.open(root, env)
    with session.server() as server:
        before = read_live_commit(server, session.owner)
    try:
        done = verbs.apply(root, env, Options(digests=read_digests(images)), log.tell, wait=LOCK_SECONDS)
        if smoke:
            _smoke(session, done, log.tell)
    except BaseException as error:  # Whoever stops it with Ctrl-C wants what was there before, too.
        log.tell(f"failed: {str(error) or type(error).__name__}")
        _go_back(session, before, log.tell)
        raise
    finally:
        log.write()


def find_smokes(session: Session, server: Server, done: Plan) -> dict[str, Smoke]:
    """Of what declares one, what was changed or never completed one as it is live now; by `flow/deployment`.

    So a deploy that was killed before its smoke run does not pass for tried out when it is run again.
    """
    changed = {
        change.name
        for change in done.having(Action.CREATE, Action.ADOPT, Action.UPDATE)
        if change.kind is Kind.DEPLOYMENT
    }
    declared = {
        f"{found.folder.replace('_', '-')}/{item.name}": found.file.workflow.smoke
        for found, item in deployments_of(session.repository)
    }
    return {
        name: smoke
        for name, smoke in declared.items()
        if smoke and (name in changed or not has_passed(server, server.get(f"/deployments/name/{name}")))
    }


def _smoke(session: Session, done: Plan, tell: Tell) -> None:
    folder = find_folder(session.environment, str(session.root / ".state/smoke"), f"smoke-{os.urandom(4).hex()}")
    with session.server() as server:
        smokes = find_smokes(session, server, done)
        if not smokes:
            tell("nothing to try out: what declares a smoke run has completed one as it is")
        for line in run_smoke(server, smokes, folder):
            tell(f"smoke run of {line}")


def _go_back(session: Session, before: Commit | None, tell: Tell) -> None:
    """Where the apply itself failed, it has put all back already."""
    with session.server() as server:
        live = read_live_commit(server, session.owner)
    if live == before or live != read_commit(session.root):
        return
    if before is None or not before.id:
        tell("nothing was live before: there is nothing to go back to")
        return
    rollback.rollback(session.root, session.environment.name, before.id, Options(), tell, wait=LOCK_SECONDS)


class Log:
    """What is told, and again in the summary of the job, where GitHub names a file for it."""

    def __init__(self, tell: Tell, title: str) -> None:
        self._tell, self._title = tell, title
        self._lines: list[str] = []

    def tell(self, line: str) -> None:
        self._tell(line)
        self._lines.append(line)

    def write(self) -> None:
        if place := os.environ.get(SUMMARY):
            text = "\n".join(line.replace("```", "'''") for line in self._lines)
            with Path(place).open("a", encoding="utf-8") as file:
                file.write(f"### {self._title}\n```\n{text}\n```\n")
