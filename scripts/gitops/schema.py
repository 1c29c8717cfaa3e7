"""The shape of the declarations, strictly: a key that nobody reads is a mistake."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.durations import Duration

NAME = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Name = Annotated[str, Field(pattern=NAME)]
Steps = list[dict[str, Any]] | dict[str, Any] | None


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lane(Strict):
    """A work queue; the lowest priority number is served first."""

    name: Name
    priority: Annotated[int, Field(ge=1)]
    description: str = ""
    concurrency_limit: Annotated[int, Field(ge=0)] | None = None


class Scoped(Strict):
    """Of the platform."""

    environments: Annotated[list[str], Field(min_length=1)] | None = None
    """Where it is declared; left out: everywhere."""


class WorkPool(Scoped):
    name: Name
    type: str
    description: str
    concurrency_limit: Annotated[int, Field(ge=0)] | None = None
    base_job_template: dict[str, Any] | None = None
    """Left out: the one that Prefect has for this type when the pool is made; later changes are not looked at."""
    job_defaults: dict[str, Any] = {}
    """Job variables of every run, written into the template as its defaults; a deployment's own come before them."""
    lanes: list[Lane] = []


class Limit(Scoped):
    """A global concurrency limit."""

    name: Annotated[str, Field(min_length=1)]
    limit: Annotated[int, Field(ge=0)]
    slot_decay_per_second: Annotated[float, Field(ge=0)] = 0.0


class Variable(Scoped):
    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$", max_length=255)]
    value: Any
    tags: list[str] = []


class Automation(Strict):
    """As `prefect automation create --from-file` takes it. An action names its deployment, not an id."""

    name: Annotated[str, Field(min_length=1)]
    description: str = ""
    enabled: bool = True
    trigger: dict[str, Any]
    actions: list[dict[str, Any]]
    actions_on_trigger: list[dict[str, Any]] = []
    actions_on_resolve: list[dict[str, Any]] = []


class Secret(Scoped):
    """Only its name: the value is set on the server, by `gitops secret set`."""

    name: Name
    description: str = ""


class PlatformAutomation(Automation, Scoped):
    """One that is no workflow's own."""


class Platform(Strict):
    """The root `prefect.yaml`. Prefect reads `name`, `build`, `push` and `pull` of it."""

    prefect_version: Annotated[str | None, Field(alias="prefect-version")] = None
    name: Name
    owner: str | None = None
    """Who answers for all that is no workflow's own."""
    build: Steps = None
    push: Steps = None
    pull: Steps = None
    definitions: Any = None
    work_pools: list[WorkPool] = []
    limits: list[Limit] = []
    variables: list[Variable] = []
    secrets: list[Secret] = []
    automations: list[PlatformAutomation] = []


class Schedule(Strict):
    """Exactly one of cron, interval (seconds or a duration) and rrule."""

    slug: str | None = None
    cron: str | None = None
    interval: float | str | None = None
    rrule: str | None = None
    timezone: str | None = None
    anchor_date: Any = None
    day_or: bool | None = None
    active: bool | None = None
    parameters: dict[str, Any] = {}
    replaces: str | None = None


class ConcurrencyLimit(Strict):
    limit: Annotated[int, Field(ge=1)]
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    grace_period_seconds: Annotated[int, Field(ge=60, le=86400)] | None = None


class Work(Strict):
    name: str
    work_queue_name: str | None = None
    job_variables: dict[str, Any] = {}


class Deployment(Strict):
    name: Name
    entrypoint: str
    description: str | None = None
    tags: list[str] = []
    parameters: dict[str, Any] = {}
    enforce_parameter_schema: bool = True
    paused: bool | None = None
    schedules: list[Schedule] = []
    concurrency_limit: Annotated[int, Field(ge=1)] | ConcurrencyLimit | None = None
    work_pool: Work
    triggers: list[dict[str, Any]] = []
    build: Steps = None
    push: Steps = None
    pull: Steps = None


class Smoke(Strict):
    """A run of the sample that the workflow brings along, after each deploy; its destination is chosen for it."""

    parameters: dict[str, Any]
    minutes: Annotated[float, Field(gt=0)] = 15
    """Then it has failed."""


class Workflow(Strict):
    """The key `workflow:`, which Prefect skips: what it does not know of a workflow."""

    owner: Annotated[str, Field(min_length=1)]
    """Who answers for it."""
    reads: list[str] = []
    """Workflows, by folder, whose results it reads."""
    max_age: Duration | None = None
    """How old those results may be, as `24h`."""
    expected_minutes: Annotated[float, Field(gt=0)] | None = None
    smoke: Smoke | None = None
    automations: list[Automation] = []


class WorkflowFile(Strict):
    """`flows/<name>/prefect.yaml`."""

    prefect_version: Annotated[str | None, Field(alias="prefect-version")] = None
    name: str | None = None
    definitions: Any = None
    build: Steps = None
    push: Steps = None
    pull: Steps = None
    workflow: Workflow
    deployments: Annotated[list[Deployment], Field(min_length=1)]


KNOWN_KEYS = tuple(
    dict.fromkeys(
        info.alias or name
        for model in (*Strict.__subclasses__(), *Scoped.__subclasses__())
        for name, info in model.model_fields.items()
    )
)
"""What a mistyped key may have been meant to be."""
