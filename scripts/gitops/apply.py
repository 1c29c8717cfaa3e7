"""A plan made real, step by step. Every step may be the last one: what is left is seen by the next plan."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from scripts.gitops.as_data import deploy_as_data
from scripts.gitops.declared import Declared, render_file
from scripts.gitops.deploying import deploy_all
from scripts.gitops.images import Memory, find_unpinned, pin
from scripts.gitops.live import Reading, find_trigger_copies, read_live
from scripts.gitops.lock import Lock
from scripts.gitops.marks import mark
from scripts.gitops.plan import ORDER, carry_switches, make_plan, switched_off
from scripts.gitops.resources import Action, Change, Kind, Live, Plan, Resource
from scripts.gitops.server import Server
from scripts.gitops.snapshot import Snapshot
from scripts.gitops.writers import Writer, clear_scheduled_runs
from shared.errors import ConfigError

Tell = Callable[[str], None]
PRUNE_SHARE = 0.3
PRUNE_ALWAYS = 2
"""So few deployments may go without a word, whatever share of all they are."""


@dataclass(frozen=True)
class Options:
    adopt: bool = False
    prune_share: float = PRUNE_SHARE
    """Largest share of our deployments that one apply may remove."""
    jobs: int = len(os.sched_getaffinity(0))
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of images that were built just now; those that were deployed before are remembered on the server."""
    runs_code: bool = True
    """False: the declarations are a stranger's, and the code that they describe is not even here."""


@dataclass
class Apply:
    """One apply, with the lock held."""

    server: Server
    lock: Lock
    root: Path
    declared: Declared
    folder: Path
    """For the rendered files."""
    options: Options = field(default_factory=Options)
    tell: Tell = print

    def run(self) -> Plan:
        """The plan that was carried out. Raises ConfigError before anything is changed, or after all was put back."""
        reading = read_live(self.server)
        memory = Memory.of(self.server, self.declared.owner, reading.variables)
        resources = pin(self.declared.resources, {**memory.digests, **self.options.digests})
        self.declared = replace(self.declared, resources=resources)
        plan = self.plan(reading)
        check_plan(plan, reading, self.declared.owner, self.options)
        check_images(resources)
        memory.remember(resources)
        if not plan.pending:
            return plan
        snapshot = Snapshot.of(reading, plan)
        try:
            self._carry_out(plan, reading)
            self._check_result()
        except BaseException as error:  # Ctrl-C, too.
            self._put_back(snapshot, error)
            raise
        return plan

    def plan(self, reading: Reading) -> Plan:
        things = find_trigger_copies(reading.things, self.declared)
        return make_plan(self.declared.resources, things, self.declared.owner)

    def _carry_out(self, plan: Plan, reading: Reading) -> None:
        wanted = {resource.address: resource for resource in self.declared.resources}
        live = {thing.address: thing for thing in reading.things}
        changed = plan.having(Action.CREATE, Action.ADOPT, Action.UPDATE)
        first = [change for change in changed if change.kind not in (Kind.DEPLOYMENT, Kind.AUTOMATION)]
        self._write(first, wanted, live, reading)
        deployments = [change for change in changed if change.kind is Kind.DEPLOYMENT]
        self._remove_schedules(deployments, wanted, live)
        self._deploy(deployments, wanted, live, reading)
        automations = [change for change in changed if change.kind is Kind.AUTOMATION]
        if automations:
            self._write(automations, wanted, live, read_live(self.server) if deployments else reading)
        self._prune(plan, reading)

    def _write(
        self, changes: Iterable[Change], wanted: Mapping[Any, Resource], live: Mapping[Any, Live], reading: Reading
    ) -> None:
        writer = Writer(self.server, reading.inventory, self.declared.owner)
        for change in sorted(changes, key=lambda change: (ORDER.index(change.kind), change.name)):
            self.lock.check()
            resource, thing = wanted[change.address], live.get(change.address)
            carried = carry_switches(resource, thing) if thing else resource
            writer.write(carried, thing, reading.ids)
            reading.inventory.note_turned_off(change.address, switched_off(resource), self.declared.owner)
            self.tell(f"{change.action} {change.kind} {change.name}")
        self._settle_priorities(changes, wanted, live)

    def _settle_priorities(
        self, changes: Iterable[Change], wanted: Mapping[Any, Resource], live: Mapping[Any, Live]
    ) -> None:
        """Making a queue shifts others: once all are there, each declared one gets its priority again."""
        made = {change.name for change in changes if change.kind is Kind.LANE and change.action is Action.CREATE}
        pools = {name.partition("/")[0] for name in made}
        for resource in wanted.values():
            pool, _, lane = resource.name.partition("/")
            if resource.kind is Kind.LANE and pool in pools:
                queue = self.server.get(f"/work_pools/{pool}/queues/{lane}")
                self.server.patch(f"/work_queues/{queue['id']}", {"priority": resource.fields["priority"]})
        for thing in live.values():  # Those of other owners were shifted too, and go back to where they were.
            if thing.kind is Kind.LANE and thing.name.partition("/")[0] in pools and thing.address not in wanted:
                self.server.patch(f"/work_queues/{thing.id}", {"priority": thing.fields["priority"]})

    def _remove_schedules(
        self, changes: Iterable[Change], wanted: Mapping[Any, Resource], live: Mapping[Any, Live]
    ) -> None:
        """Before the deploy, so that nothing that Git has removed fires in between."""
        for change in changes:
            thing = live.get(change.address)
            if thing is None:
                continue
            kept = wanted[change.address].fields["schedules"]
            for item, slug in zip(thing.raw["schedules"], thing.fields["schedules"], strict=True):
                if slug not in kept:
                    self.lock.check()
                    self.server.delete(f"/deployments/{thing.id}/schedules/{item['id']}")

    def _deploy(
        self,
        changes: Iterable[Change],
        wanted: Mapping[Any, Resource],
        live: Mapping[Any, Live],
        reading: Reading,
    ) -> None:
        files = {}
        for change in changes:
            resource, thing = wanted[change.address], live.get(change.address)
            carried = carry_switches(resource, thing) if thing else resource
            flow, _, name = change.name.partition("/")
            tags = [*carried.fields["tags"], mark(self.declared.owner)]
            files[change.name] = render_file({**carried.fields, "tags": tags}, flow, name)
            reading.inventory.note_turned_off(change.address, switched_off(resource), self.declared.owner)
        self.lock.check()
        faults = {}
        for name, fault in self._deploy_files(files, wanted):
            self.lock.check()
            self.tell(f"{'FAILED' if fault else 'deployed'} {name}")
            if fault:
                faults[name] = fault
        if faults:
            raise ConfigError("\n".join(f"{name}: {fault}" for name, fault in sorted(faults.items())))

    def _deploy_files(
        self, files: Mapping[str, Mapping[str, Any]], wanted: Mapping[Any, Resource]
    ) -> Iterator[tuple[str, str | None]]:
        if self.options.runs_code:
            return deploy_all(self.root, files, self.folder, self.server.environment(), self.options.jobs)
        schemas = {name: wanted[Kind.DEPLOYMENT, name].fields["parameter_schema"] for name in files}
        return deploy_as_data(self.server, files, schemas)

    def _prune(self, plan: Plan, reading: Reading) -> None:
        """Automations before the deployments that they run; a deployment's waiting runs go with it."""
        writer = Writer(self.server, reading.inventory, self.declared.owner)
        live = {thing.address: thing for thing in reading.things}
        for change in reversed(plan.having(Action.DELETE)):
            self.lock.check()
            thing = live[change.address]
            if thing.kind is Kind.DEPLOYMENT:
                clear_scheduled_runs(self.server, thing.id)
            writer.delete(thing)
            self.tell(f"delete {change.kind} {change.name}")

    def _check_result(self) -> None:
        left = self.plan(read_live(self.server)).pending
        if left:
            names = ", ".join(f"{change.kind} {change.name}" for change in left)
            details = "; ".join(f"{field.path}: {field.before!r} is not {field.after!r}" for field in left[0].fields)
            raise ConfigError(f"after the apply, the plan is not empty: {names} ({details})")

    def _put_back(self, snapshot: Snapshot, error: BaseException) -> None:
        self.tell(f"failed: {str(error) or type(error).__name__}")
        self.lock.check()
        restored = snapshot.restore(self.server, self.declared.owner, self.lock.check)
        self.tell(f"put back as it was: {', '.join(restored) or 'nothing had changed'}")


def check_plan(plan: Plan, reading: Reading, owner: str, options: Options) -> None:
    """Raises ConfigError where the plan may not be carried out."""
    if blocked := plan.having(Action.BLOCKED):
        raise ConfigError("\n".join(f"{each.kind} {each.name}: {each.note}" for each in blocked))
    if (adopted := plan.having(Action.ADOPT)) and not options.adopt:
        names = ", ".join(f"{each.kind} {each.name}" for each in adopted)
        raise ConfigError(f"on the server, but not marked as ours: {names}; take them over with --adopt")
    ours = sum(thing.kind is Kind.DEPLOYMENT and thing.owner == owner for thing in reading.things)
    gone = [change for change in plan.having(Action.DELETE) if change.kind is Kind.DEPLOYMENT]
    if len(gone) > max(PRUNE_ALWAYS, options.prune_share * ours):
        raise ConfigError(
            f"{len(gone)} of {ours} deployments would be removed, more than {options.prune_share:.0%}; if that is"
            f" meant, say --prune-share {min(1.0, (len(gone) + 1) / ours):.2f}"
        )


def check_images(resources: Iterable[Resource]) -> None:
    """Raises ConfigError where a deployment would run an image that nobody has built."""
    if missing := find_unpinned(resources):
        raise ConfigError(
            f"no digest is known of {', '.join(missing)}; build and push them first, and pass --images FILE"
        )
