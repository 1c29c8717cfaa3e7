"""One name everywhere: folder = function = flow = deployment; nothing is declared twice; somebody answers for it."""

from collections.abc import Iterator
from pathlib import Path

from scripts.gitops.problems import Problem
from scripts.gitops.repository import Declaration, Repository
from scripts.gitops.schema import Deployment


def check(repository: Repository) -> Iterator[Problem]:
    for declaration in repository.workflows:
        for index, item in enumerate(declaration.file.deployments):
            yield from _check_deployment(declaration, index, item)
        yield from _check_reads(repository, declaration)
    yield from _check_twice(repository)


def _check_deployment(declaration: Declaration, index: int, item: Deployment) -> Iterator[Problem]:
    document, place = declaration.document, ("deployments", index)
    folder = declaration.folder
    flow = folder.replace("_", "-")
    path, _, function = item.entrypoint.rpartition(":")
    if Path(path).parts[:2] != ("flows", folder) or not path.endswith(".py"):
        line = document.line_of((*place, "entrypoint"))
        yield Problem(
            document.path,
            line,
            f"the entrypoint {item.entrypoint} is not in this workflow's folder",
            f"write flows/{folder}/flow.py:{folder}, as seen from the repository's root",
            "entrypoint",
        )
    elif function != folder:
        line = document.line_of((*place, "entrypoint"))
        yield Problem(
            document.path, line, f"the function is {function}, the folder {folder}", "give both one name", "name"
        )
    if item.name != flow and not item.name.startswith(f"{flow}-"):
        line = document.line_of((*place, "name"))
        instead = f"write {flow}, or {flow}-<variant>"
        yield Problem(document.path, line, f"the deployment {item.name} is named after no folder", instead, "name")
    pull = item.pull if "pull" in item.model_fields_set else declaration.file.pull
    if pull is None:
        yield Problem(
            document.path,
            document.line_of(place),
            f"{item.name} has no pull: Prefect would store the folder of the machine that deploys",
            "write pull: with a set_working_directory step, or pull: [] where the image holds the code",
            "pull",
        )


def _check_reads(repository: Repository, declaration: Declaration) -> Iterator[Problem]:
    known = {each.folder for each in repository.workflows}
    for index, name in enumerate(declaration.file.workflow.reads):
        if name not in known:
            line = declaration.document.line_of(("workflow", "reads", index))
            instead = f"write one of {', '.join(sorted(known))}"
            yield Problem(
                declaration.document.path, line, f"it reads {name}, which is no workflow here", instead, "reads"
            )


def _check_twice(repository: Repository) -> Iterator[Problem]:
    for declaration in repository.workflows:
        names = [item.name for item in declaration.file.deployments]
        for index in _repeats(names):
            line = declaration.document.line_of(("deployments", index, "name"))
            found = f"{names[index]} is declared twice: the second would overwrite the first"
            yield Problem(declaration.document.path, line, found, "give it a name of its own", "twice")
    document, platform = repository.platform_document, repository.platform
    if document is None or platform is None:
        return
    for key in ("work_pools", "limits", "variables", "secrets", "automations"):
        names = [item.name for item in getattr(platform, key)]
        for index in _repeats(names):
            line = document.line_of((key, index, "name"))
            yield Problem(document.path, line, f"{names[index]} is declared twice in {key}", "keep one", "twice")
    for index, pool in enumerate(platform.work_pools):
        names = [lane.name for lane in pool.lanes]
        for number in _repeats(names):
            line = document.line_of(("work_pools", index, "lanes", number))
            yield Problem(document.path, line, f"the lane {names[number]} is declared twice", "keep one", "twice")


def _repeats(names: list[str]) -> list[int]:
    """Indexes of names that stood before."""
    return [index for index, name in enumerate(names) if name in names[:index]]
