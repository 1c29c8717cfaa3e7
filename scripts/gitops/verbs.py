"""What the verbs do, apart from their options."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

from rich.console import Console

from scripts.gitops.apply import Apply, Options
from scripts.gitops.checks import check
from scripts.gitops.commits import read_commit
from scripts.gitops.content import Versions, explain, read_versions, read_versions_at
from scripts.gitops.declared import Declared, render_file
from scripts.gitops.deploying import render_yaml
from scripts.gitops.environment import LOCAL, check_filled_in
from scripts.gitops.handover import read_declared, write_declared
from scripts.gitops.history import check_successor, read_live_commit, write_live_commit
from scripts.gitops.images import Memory, pin
from scripts.gitops.live import find_trigger_copies, read_live
from scripts.gitops.lock import hold
from scripts.gitops.plan import make_plan
from scripts.gitops.printing import print_plan, render_json, render_markdown, summarize
from scripts.gitops.problems import find_errors
from scripts.gitops.resources import Kind, Plan
from scripts.gitops.secret_values import find_missing, set_secret
from scripts.gitops.session import JOBS, ProblemsFound, Session
from shared.errors import ConfigError


def plan(root: Path, env: str, form: str, console: Console, declared_file: Path | None = None) -> Plan:
    session = Session.open(root, env, read=declared_file is None)
    with session.server() as server, ThreadPoolExecutor(1) as beside:
        # The server takes its time to answer, and so do the digests of a whole repository.
        reading = beside.submit(copy_context().run, read_live, server)
        declared = read_declared(declared_file, env) if declared_file else session.declare()
        things = find_trigger_copies(reading.result().things, declared)
        digests = Memory.of(server, declared.owner, reading.result().variables).digests
    found = make_plan(pin(declared.resources, digests), things, declared.owner)
    if form == "json":
        print(render_json(found))
    elif form == "markdown":
        print(render_markdown(found, f"Plan for {env}"), end="")
    else:
        print_plan(found, console)
    return found


def apply(
    root: Path, env: str, options: Options, tell: Callable[[str], None], *, wait: float = 0, force: bool = False
) -> Plan:
    session = Session.open(root, env)
    check_filled_in(session.environment)
    if problems := find_errors(check(root, environment=env, cache=session.inspections, jobs=JOBS)):
        raise ProblemsFound(problems)
    declared = session.declare()
    commit = read_commit(root)
    with session.server() as server, hold(server, declared.owner, wait_seconds=wait) as lock:
        if not force:
            check_successor(root, session.environment, commit, read_live_commit(server, declared.owner))
        with tempfile.TemporaryDirectory() as folder:
            done = Apply(server, lock, root, declared, Path(folder), options, tell).run()
        write_live_commit(server, declared.owner, commit)
    tell(f"applied {commit} to {env}: {summarize(done)}")
    return done


def apply_embedded(root: Path, tell: Callable[[str], None]) -> Plan:
    """To the server of this very checkout: nobody else's things are on it, and any commit may follow any other."""
    return apply(root, LOCAL, Options(adopt=True, prune_share=1.0), tell, wait=120, force=True)


def render(root: Path, env: str, folder: Path | None, declared_file: Path | None) -> None:
    """The files as `prefect deploy` would get them, on standard output or below a folder; or all of it as JSON."""
    session = Session.open(root, env)
    declared = session.declare()
    if declared_file:
        write_declared(declared_file, declared, env, read_commit(root).id)
    if folder is None and declared_file:
        return
    for name, text in _render_files(declared):
        if folder is None:
            print(f"# {name}\n{text}---")
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name.replace('/', '.')}.yaml").write_text(text, encoding="utf-8")


def _render_files(declared: Declared) -> list[tuple[str, str]]:
    files = []
    for resource in declared.resources:
        if resource.kind is Kind.DEPLOYMENT:
            flow, _, name = resource.name.partition("/")
            files.append((resource.name, render_yaml(render_file(resource.fields, flow, name))))
    return files


def versions(root: Path, workflow: str | None, since: str | None, console: Console) -> None:
    now = read_versions(root)
    if workflow and workflow not in now:
        raise ConfigError(f"there is no workflow {workflow}; there are {', '.join(now)}")
    before = read_versions_at(root, since) if since else {}
    for name, found in now.items():
        if workflow not in (None, name):
            continue
        console.print(f"{name:<30} {found.image}")
        if since:
            old = before.get(name, Versions(name, ()))
            for line in explain(old, found) if old.inputs else [f"not there at {since}"]:
                console.print(f"    {line}")


def secret_set(root: Path, env: str, name: str, value: str, console: Console) -> None:
    session = Session.open(root, env)
    with session.server() as server:
        set_secret(server, session.owner, session.secrets, name, value)
    console.print(f"the secret {name} is set in {env}")


def secret_check(root: Path, env: str, console: Console) -> list[str]:
    """Names of the secrets that are missing."""
    session = Session.open(root, env)
    with session.server() as server:
        missing = find_missing(server, session.secrets)
    for name in session.secrets:
        console.print(f"{'missing' if name in missing else 'present'}  {name}")
    return missing
