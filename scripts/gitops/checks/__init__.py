"""`gitops check`: what Prefect would let pass in silence, found before anything is deployed. No server is asked."""

from pathlib import Path

from scripts.gitops.checks import code, names, placeholders, platform, schedules
from scripts.gitops.checks.foreign import check_foreign
from scripts.gitops.content import read_versions
from scripts.gitops.environment import LOCAL, list_environments, read_environment
from scripts.gitops.inspection import inspect_entrypoints
from scripts.gitops.problems import Problem
from scripts.gitops.repository import Repository, deployments_of, read_repository
from scripts.gitops.yaml_lines import YamlError, read_document
from shared.errors import ConfigError

__all__ = ["check"]


def check(root: Path, *, environment: str | None = None, cache: Path | None = None, jobs: int = 2) -> list[Problem]:
    """Of a repository laid out as this one, in one environment or all; or of any folder with `prefect.yaml` files."""
    if not is_laid_out(root):
        return check_foreign(root)
    environments = [environment] if environment else sorted({LOCAL, *list_environments(root)})
    found: set[Problem] = set()
    repositories = [read_repository(root, read_environment(root, name)) for name in environments]
    for repository in repositories:
        found |= {*repository.problems, *placeholders.check(repository)}
        if repository.platform is not None:
            found |= {*names.check(repository), *platform.check(repository), *schedules.check(repository)}
    found |= set(_check_code(repositories[0], cache, jobs))
    return sorted(found)


def is_laid_out(root: Path) -> bool:
    """Whether the root file declares a platform: Prefect itself knows no `work_pools`."""
    try:
        data = read_document(root / "prefect.yaml").data if root.is_dir() else None
    except (OSError, YamlError):
        return any(_declares_workflow(path) for path in sorted((root / "flows").glob("*/prefect.yaml")))
    return isinstance(data, dict) and "work_pools" in data


def _declares_workflow(path: Path) -> bool:
    try:
        data = read_document(path).data
    except (OSError, YamlError):
        return False
    return isinstance(data, dict) and "workflow" in data


def _check_code(repository: Repository, cache: Path | None, jobs: int) -> list[Problem]:
    try:
        versions = {name: each.image for name, each in read_versions(repository.root).items()}
    except ConfigError as error:
        return [Problem(Path("prefect.yaml"), 1, str(error), rule="versions")]
    entrypoints = {item.entrypoint: versions[found.folder] for found, item in deployments_of(repository)}
    inspections = inspect_entrypoints(repository.root, entrypoints, cache=cache, jobs=jobs)
    return list(code.check(repository, inspections))
