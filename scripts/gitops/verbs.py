"""What the verbs do, apart from their options."""

from pathlib import Path

from rich.console import Console

from scripts.gitops.apply import Apply, Options
from scripts.gitops.environment import check_filled_in
from scripts.gitops.history import check_successor, read_commit, read_live_commit, write_live_commit
from scripts.gitops.live import find_trigger_copies, read_live
from scripts.gitops.lock import hold
from scripts.gitops.plan import make_plan
from scripts.gitops.printing import print_plan, render_json, render_markdown, summarize
from scripts.gitops.resources import Plan
from scripts.gitops.session import CACHE, Session


def plan(root: Path, env: str, form: str, console: Console) -> Plan:
    session = Session.open(root, env)
    declared = session.declare()
    with session.server() as server:
        things = find_trigger_copies(read_live(server).things, declared.trigger_names, declared.owner)
    found = make_plan(declared.resources, things, declared.owner)
    if form == "json":
        print(render_json(found))
    elif form == "markdown":
        print(render_markdown(found, f"Plan for {env}"), end="")
    else:
        print_plan(found, console)
    return found


def apply(root: Path, env: str, console: Console, *, adopt: bool, prune_share: float, wait: float, force: bool) -> Plan:
    session = Session.open(root, env)
    check_filled_in(session.environment)
    declared = session.declare()
    commit = read_commit(root)
    with session.server() as server, hold(server, declared.owner, wait_seconds=wait) as lock:
        if not force:
            check_successor(root, session.environment, commit, read_live_commit(server, declared.owner))
        options = Options(adopt=adopt, prune_share=prune_share)
        job = Apply(server, lock, root, declared, root / CACHE / "rendered", options, console.print)
        done = job.run()
        write_live_commit(server, declared.owner, commit)
    console.print(f"applied {commit} to {env}: {summarize(done)}")
    return done
