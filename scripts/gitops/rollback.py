"""Back to an earlier commit: its declarations, and the images that it was deployed with. Nothing is built."""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.gitops.apply import Apply, Options
from scripts.gitops.commits import Commit, find_added, resolve_commit, tree_at
from scripts.gitops.environment import check_filled_in
from scripts.gitops.history import check_predecessor, read_live_commit, write_live_commit
from scripts.gitops.lock import hold
from scripts.gitops.lockfile import read_lock
from scripts.gitops.printing import summarize
from scripts.gitops.resources import Plan
from scripts.gitops.session import ProblemsFound, Session
from shared.errors import ConfigError

MIGRATIONS = "shared/ledger/migrations/versions"


def rollback(root: Path, env: str, to: str, options: Options, tell: Callable[[str], None], *, wait: float = 0) -> Plan:
    """The plan that was carried out. The declarations are not checked anew: they have been live."""
    session = Session.open(root, env)
    check_filled_in(session.environment)
    commit = resolve_commit(root, to)
    with tree_at(root, commit) as tree, session.server() as server:
        then = open_then(tree, session, commit)
        declared = then.declare()
        with hold(server, declared.owner, wait_seconds=wait) as lock, TemporaryDirectory() as folder:
            live = read_live_commit(server, declared.owner)
            check_predecessor(root, commit, live)
            done = Apply(server, lock, tree, declared, Path(folder), options, tell).run()
            write_live_commit(server, declared.owner, commit)
        tell(f"rolled {env} back to {commit}: {summarize(done)}")
        for line in find_lasting(root, tree, commit, live):
            tell(line)
    if session.environment.is_local:
        tell("in local, runs take the code of the working tree, which is as it was")
    return done


def open_then(tree: Path, session: Session, commit: Commit) -> Session:
    """The commit's own declarations and environment. Raises ConfigError where the engine of today cannot read them."""
    then = Session.open(tree, session.environment.name, cache=session.inspections)
    if then.repository.problems:
        how = f"git worktree add ../then {commit.id[:12]}; cd ../then; uv run gitops rollback --to {commit.id[:12]}"
        raise ConfigError(
            f"this gitops cannot read what {commit} declares; use that commit's own: {how}\n"
            f"{ProblemsFound(then.repository.problems)}"
        )
    if then.owner != session.owner:
        raise ConfigError(
            f"the platform was named {then.owner} at {commit}, and is {session.owner} now: rename it back"
        )
    return then


def find_lasting(root: Path, tree: Path, commit: Commit, live: Commit | None) -> Iterator[str]:
    """What stays as it is, a line each."""
    yield "not taken back: runs that have begun, documents that are done, the values of secrets"
    migrations = find_added(root, commit, live, MIGRATIONS) if live else []
    if migrations:
        names = ", ".join(Path(path).stem for path in migrations)
        yield f"not taken back: the ledger's migrations {names}; they only go forward, and the code of then works on"
    before, now = _prefect_version(tree), _prefect_version(root)
    if before != now:
        yield f"not taken back: Prefect {now}, which was {before} then; the server and its database stay"


def _prefect_version(root: Path) -> str:
    return read_lock(root).version_of("prefect")
