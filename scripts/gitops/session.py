"""What every verb begins with: the checkout, the environment, the declarations, the server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prefect.settings import PREFECT_API_URL, get_current_settings, temporary_settings

from scripts.gitops.content import read_versions
from scripts.gitops.declared import Declared, declare
from scripts.gitops.environment import API_URL, Environment, read_environment
from scripts.gitops.inspection import inspect_entrypoints
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Repository, deployments_of, read_repository
from scripts.gitops.schema import Platform
from scripts.gitops.server import Server, open_server
from shared.errors import ConfigError

CACHE = Path(".state", "gitops")
JOBS = len(os.sched_getaffinity(0))


class ProblemsFound(ConfigError):  # noqa: N818 - not an error of the program
    """The declarations cannot be worked with."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class Session:
    root: Path
    environment: Environment
    repository: Repository
    inspections: Path
    """Folder in which is kept what the import of a workflow's code has shown."""

    @classmethod
    def open(cls, root: Path, environment: str, *, read: bool = True, cache: Path | None = None) -> "Session":
        """Without `read`, the declarations of the checkout are left alone. Raises ConfigError."""
        chosen = read_environment(root, environment)
        repository = read_repository(root, chosen) if read else Repository(root, chosen, None, None, ())
        return cls(root, chosen, repository, cache or root / CACHE / "inspections")

    @property
    def owner(self) -> str:
        return self._platform.name

    @property
    def secrets(self) -> list[str]:
        return [secret.name for secret in self._platform.secrets]

    @property
    def _platform(self) -> Platform:
        if self.repository.platform is None:
            raise ProblemsFound(self.repository.problems)
        return self.repository.platform

    def declare(self) -> Declared:
        """Raises ProblemsFound where a declaration cannot be read, or code cannot be imported."""
        if self.repository.problems:
            raise ProblemsFound(self.repository.problems)
        versions = {name: each.image for name, each in read_versions(self.root).items()}
        entrypoints = {item.entrypoint: versions[found.folder] for found, item in deployments_of(self.repository)}
        inspections = inspect_entrypoints(self.root, entrypoints, cache=self.inspections, jobs=JOBS)
        for found, item in deployments_of(self.repository):
            if fault := inspections[item.entrypoint].fault:
                raise ConfigError(f"{found.path}: {item.entrypoint} does not import: {fault}")
        return declare(self.repository, versions, inspections)

    @contextmanager
    def server(self) -> Iterator[Server]:
        """The environment's own, or the one that is set. Raises ConfigError where the two differ."""
        stated, current = self.environment.values.get(API_URL), get_current_settings().api.url
        if stated and current and stated.rstrip("/") != current.rstrip("/"):
            raise ConfigError(
                f"environments/{self.environment.name}.env names {stated}, and {API_URL} is {current}: unset one"
            )
        with temporary_settings({PREFECT_API_URL: stated} if stated else {}), open_server() as server:
            yield server
