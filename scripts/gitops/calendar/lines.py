"""What a calendar is made of: a line for each schedule, and the limits that its runs share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from scripts.gitops.calendar.instants import Schedule as Reckoned
from scripts.gitops.calendar.instants import find_instants, find_next, read_schedule
from scripts.gitops.canonical import canonical_schedule, find_schedule_fault
from scripts.gitops.repository import Declaration, Repository, deployments_of
from scripts.gitops.schema import ConcurrencyLimit, Deployment, Schedule


@dataclass(frozen=True)
class Line:
    """One schedule of one deployment, over a window."""

    deployment: str
    """`flow/deployment`."""
    slug: str
    folder: str
    zone: str
    pool: str
    lane: str
    reckoned: Reckoned
    instants: tuple[datetime, ...]
    """In UTC, in order."""
    lasts: timedelta | None = None
    """How long a run takes; None: nobody knows."""
    source: str = "unknown"
    """Of that: `history`, `declared` or `unknown`."""
    is_on: bool = True
    """Off: the schedule, or its deployment, is paused; it is shown, and counts for nothing."""
    limit: int | None = None
    """Runs of the deployment at a time."""
    strategy: str | None = None
    keeps_hours: bool = True
    """Declared by hours of the day, not as an interval."""
    parameters: str = ""
    """As JSON, to tell equal ones."""
    ends: bool = False
    """It never fires again."""

    @property
    def name(self) -> str:
        short = self.deployment.partition("/")[2]
        return f"{short} {self.slug}"

    def until(self, end: datetime) -> "Line":
        """Cut off, so that lines that are looked at for a shorter time compare."""
        return replace(self, instants=tuple(instant for instant in self.instants if instant <= end))


@dataclass(frozen=True)
class Reader:
    """A workflow that reads what others have made."""

    folder: str
    reads: tuple[str, ...]
    max_age: timedelta | None
    scheduled: bool
    triggered: bool
    """By an event: its producer's end, say."""


@dataclass(frozen=True)
class Known:
    """What a server knows beside the declarations."""

    lasts: Mapping[str, timedelta] = field(default_factory=dict)
    """How long runs of a deployment took, by `flow/deployment`."""
    paused: frozenset[tuple[str, str]] = frozenset()
    """Deployment and slug of the schedules that a person has paused."""


def make_lines(
    repository: Repository, window: tuple[datetime, datetime], known: Known | None = None, most: int = 20_000
) -> list[Line]:
    """Of schedules that hold; what is wrong with the others is told elsewhere."""
    return [
        _make_line(declaration, item, schedule, window, known or Known(), most)
        for declaration, item in deployments_of(repository)
        for schedule in item.schedules
        if schedule.slug and not find_schedule_fault(schedule.model_dump())
    ]


def _make_line(
    declaration: Declaration,
    item: Deployment,
    schedule: Schedule,
    window: tuple[datetime, datetime],
    known: Known,
    most: int,
) -> Line:
    name, slug = f"{declaration.folder.replace('_', '-')}/{item.name}", schedule.slug or ""
    start, end = window
    reckoned = read_schedule(canonical_schedule(schedule.model_dump()))
    expected = declaration.file.workflow.expected_minutes
    limit = item.concurrency_limit
    return Line(
        deployment=name,
        slug=slug,
        folder=declaration.folder,
        zone=schedule.timezone or "UTC",
        pool=item.work_pool.name,
        lane=item.work_pool.work_queue_name or "default",
        instants=tuple(find_instants(reckoned, start, end, most)),
        reckoned=reckoned,
        keeps_hours=schedule.interval is None,
        lasts=known.lasts.get(name) or (timedelta(minutes=expected) if expected else None),
        source="history" if name in known.lasts else "declared" if expected else "unknown",
        is_on=not item.paused and schedule.active is not False and (name, slug) not in known.paused,
        limit=limit.limit if isinstance(limit, ConcurrencyLimit) else limit,
        strategy=limit.collision_strategy if isinstance(limit, ConcurrencyLimit) else None,
        parameters=repr(sorted(schedule.parameters.items())),
        ends=find_next(reckoned, start) is None,
    )


def find_limits(repository: Repository) -> dict[str, int]:
    """`pool` and `pool/lane` -> runs at a time, where there is a limit."""
    pools = repository.platform.work_pools if repository.platform else []
    limits = {pool.name: pool.concurrency_limit for pool in pools}
    limits |= {f"{pool.name}/{lane.name}": lane.concurrency_limit for pool in pools for lane in pool.lanes}
    return {name: limit for name, limit in limits.items() if limit is not None}


def find_readers(repository: Repository) -> list[Reader]:
    return [
        Reader(
            folder=each.folder,
            reads=tuple(each.file.workflow.reads),
            max_age=each.file.workflow.max_age,
            scheduled=any(item.schedules for item in each.file.deployments),
            triggered=any(item.triggers for item in each.file.deployments),
        )
        for each in repository.workflows
    ]
