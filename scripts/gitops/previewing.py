"""A preview put up, and taken down again without a trace."""

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.gitops.apply import Apply, Options
from scripts.gitops.as_data import restrict
from scripts.gitops.checks import check
from scripts.gitops.commits import resolve_commit, tree_at
from scripts.gitops.declared import Declared
from scripts.gitops.environment import check_filled_in
from scripts.gitops.handover import read_declared
from scripts.gitops.images import Memory, pin
from scripts.gitops.live import Reading, read_live
from scripts.gitops.lock import Lock, hold
from scripts.gitops.marks import IMAGE, find_owner
from scripts.gitops.preview import DESTINATION, PREVIEWS, find_changed, find_folder, make_preview, preview_owner
from scripts.gitops.printing import summarize
from scripts.gitops.problems import find_errors
from scripts.gitops.resources import Kind, Live, Plan, Resource
from scripts.gitops.runs import delete_runs
from scripts.gitops.schema import NAME
from scripts.gitops.server import Server
from scripts.gitops.session import CACHE, JOBS, ProblemsFound, Session
from shared.errors import ConfigError

Tell = Callable[[str], None]


def up(
    root: Path,
    env: str,
    name: str,
    tell: Tell,
    *,
    since: str | None = None,
    digests: Mapping[str, str],
    wait: float = 0,
) -> Plan:
    """Deploys what differs from the server, or from a commit. What is up under that name is brought up to date."""
    check_name(name)
    session = Session.open(root, env)
    check_filled_in(session.environment)
    if problems := find_errors(check(root, environment=env, cache=session.inspections, jobs=JOBS)):
        raise ProblemsFound(problems)
    declared = session.declare()
    folder = find_folder(session.environment, str(root.resolve() / CACHE.parent / "previews"), name)
    with session.server() as server, hold(server, preview_owner(session.owner, name), wait_seconds=wait) as lock:
        reading = read_live(server)
        known = {**Memory.of(server, declared.owner, reading.variables).digests, **digests}
        declared = replace(declared, resources=pin(declared.resources, known))
        changed = find_changed(declared, _things_of(session, since) if since else reading.things)
        preview = make_preview(declared.owner, name, changed, reading.things, folder)
        done = _apply(server, lock, root, preview, tell)
    _tell_up(preview, tell)
    tell(
        f"preview {name} in {env}: {summarize(done)}"
        if changed
        else f"preview {name} in {env}: no workflow has changed"
    )
    return done


def up_declared(
    root: Path, env: str, name: str, file: Path, tell: Tell, *, digests: Mapping[str, str], wait: float = 0
) -> Plan:
    """Deploys what a stranger's file declares other than this checkout, without a line of the stranger's code.

    The platform is this checkout's; the server has nothing else.
    """
    check_name(name)
    session = Session.open(root, env)
    check_filled_in(session.environment)
    ours, theirs = session.declare(), read_declared(file, env)
    folder = find_folder(session.environment, "", name)
    changed = find_changed(
        theirs, [Live(each.kind, each.name, each.fields, owner=theirs.owner) for each in ours.resources]
    )
    with session.server() as server:
        platform = [each for each in ours.resources if each.kind not in (Kind.DEPLOYMENT, Kind.AUTOMATION)]
        with hold(server, ours.owner, wait_seconds=wait) as lock:
            _apply(server, lock, root, replace(ours, resources=tuple(platform)), tell)
        with hold(server, preview_owner(ours.owner, name), wait_seconds=wait) as lock:
            deployments = list(_choose(changed, digests, tell))
            preview = make_preview(ours.owner, name, deployments, read_live(server).things, folder)
            done = _apply(server, lock, root, preview, tell, runs_code=False)
    _tell_up(preview, tell)
    tell(f"preview {name} in {env}: {summarize(done)}")
    return done


def _choose(changed: Iterable[Resource], digests: Mapping[str, str], tell: Tell) -> Iterator[Resource]:
    for each in pin(changed, digests):
        if each.image not in digests:
            tell(f"not previewed: {each.name}, whose image is as it was, or none of ours")
            continue
        restricted, dropped = restrict(each)
        if dropped:
            tell(f"{each.name}: the pool's own stand in for the job variables {', '.join(dropped)}")
        yield restricted


def down(root: Path, env: str, name: str, tell: Tell, *, wait: float = 0) -> None:
    """Runs are cancelled and removed with all else; outputs too where they are this machine's."""
    check_name(name)
    session = Session.open(root, env)
    owner = preview_owner(session.owner, name)
    with session.server() as server, hold(server, owner, wait_seconds=wait) as lock:
        reading = read_live(server)
        deployments = [each for each in reading.things if each.kind is Kind.DEPLOYMENT and each.owner == owner]
        delete_runs(server, [each.id for each in deployments], tell)
        done = _apply(server, lock, root, Declared(owner, (), {}), tell)
        _delete_memory(server, owner, reading)
        _delete_empty_flows(server, deployments)
    tell(f"preview {name} is down in {env}: {summarize(done)}")
    _remove_outputs(session, root, name, tell)


def check_name(name: str) -> None:
    """Raises ConfigError."""
    if not re.fullmatch(NAME, name):
        raise ConfigError(f"{name!r} is no name for a preview: small letters, digits and single dashes, as pr-12")


def _tell_up(preview: Declared, tell: Tell) -> None:
    for each in preview.resources:
        if each.kind is Kind.DEPLOYMENT:
            where = each.fields["parameters"].get(DESTINATION, "where its code says")
            tell(f"up: {each.name}, which writes to {where}")


def _apply(server: Server, lock: Lock, root: Path, preview: Declared, tell: Tell, *, runs_code: bool = True) -> Plan:
    options = Options(prune_share=1.0, runs_code=runs_code)
    with TemporaryDirectory() as folder:
        return Apply(server, lock, root, preview, Path(folder), options, tell).run()


def _things_of(session: Session, since: str) -> list[Live]:
    """A commit's declarations, as if they were live."""
    with tree_at(session.root, resolve_commit(session.root, since)) as tree:
        then = Session.open(tree, session.environment.name, cache=session.inspections).declare()
    return [Live(each.kind, each.name, each.fields, owner=then.owner) for each in then.resources]


def _delete_memory(server: Server, owner: str, reading: Reading) -> None:
    for row in reading.variables:
        if IMAGE in row["tags"] and find_owner(row["tags"]) == owner:
            server.delete(f"/variables/{row['id']}")


def _delete_empty_flows(server: Server, deployments: Iterable[Live]) -> None:
    """Prefect makes a flow's row with its first deployment; one that has neither deployment nor run is nobody's."""
    for flow in {each.raw["flow_id"] for each in deployments}:
        chosen = {"flows": {"id": {"any_": [flow]}}}
        if not server.post("/deployments/count", chosen) and not server.post("/flow_runs/count", chosen):
            server.delete(f"/flows/{flow}")


def _remove_outputs(session: Session, root: Path, name: str, tell: Tell) -> None:
    if not session.environment.is_local:
        tell(f"its outputs are where its workers wrote them: {session.environment.values.get(PREVIEWS)}/{name}")
        return
    folder = Path(find_folder(session.environment, str(root.resolve() / CACHE.parent / "previews"), name))
    if folder.exists():
        shutil.rmtree(folder)
