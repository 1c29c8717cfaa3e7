"""What someone changed by hand: the server beside what was applied to it last, field by field."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from scripts.gitops.commits import Commit, tree_at
from scripts.gitops.history import check_known, read_live_commit
from scripts.gitops.images import Memory, pin
from scripts.gitops.live import find_trigger_copies, read_live
from scripts.gitops.plan import make_plan
from scripts.gitops.resources import Change, Plan
from scripts.gitops.session import Session
from scripts.gitops.traces import Traces
from shared.errors import ConfigError


@dataclass(frozen=True)
class Drifted:
    """One thing that is not as Git said, and the steps that would heal it."""

    change: Change
    changed: datetime | None
    """When, as far as the server says."""


@dataclass(frozen=True)
class Drift:
    environment: str
    commit: Commit
    """What was applied last."""
    found: tuple[Drifted, ...]
    plan: Plan
    """All of it: what people turned off is noted there, and is no drift."""


def find_drift(root: Path, env: str) -> Drift:
    """Raises ConfigError where nothing was applied yet, or the commit is not in this checkout."""
    session = Session.open(root, env)
    with session.server() as server:
        commit = read_live_commit(server, session.owner)
        if commit is None:
            raise ConfigError(f"nothing was applied to {env} yet: gitops apply --env {env}")
        with _files_of(session, commit) as then:
            declared = then.declare()
        reading = read_live(server)
        digests = Memory.of(server, declared.owner, reading.variables).digests
        declared = replace(declared, resources=pin(declared.resources, digests))
        things = {thing.address: thing for thing in find_trigger_copies(reading.things, declared)}
        plan = make_plan(declared.resources, things.values(), declared.owner)
        traces = Traces(server)
        found = [Drifted(each, traces.find(each, things.get(each.address))) for each in plan.pending]
    return Drift(env, commit, tuple(found), plan)


@contextmanager
def _files_of(session: Session, commit: Commit) -> Iterator[Session]:
    if commit.is_dirty or not commit.id:
        yield session  # Only `local` takes a working tree, and nobody has kept what it was.
        return
    check_known(session.root, commit)
    with tree_at(session.root, commit) as tree:
        yield Session.open(tree, session.environment.name, cache=session.inspections)
