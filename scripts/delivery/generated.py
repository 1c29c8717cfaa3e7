"""Files, or parts of them, that follow from what the workflows declare."""

from collections.abc import Callable, Iterator
from pathlib import Path

from scripts.gitops.environment import LOCAL, read_environment
from scripts.gitops.repository import Declaration, Repository, read_repository
from scripts.gitops.session import ProblemsFound
from shared.errors import ConfigError

CODEOWNERS = Path(".github/CODEOWNERS")
README = Path("README.md")
BEGIN, END = "<!-- workflows: uv run delivery generate -->\n", "<!-- end of workflows -->\n"
NOTE = "# Written by `uv run delivery generate` from `owner:` in every prefect.yaml. GitHub knows none without @.\n"


def generate(root: Path, *, check: bool = False) -> list[Path]:
    """Those that were not as declared; with `check` they stay so. Raises ConfigError."""
    repository = read_repository(root, read_environment(root, LOCAL))
    if repository.problems:
        raise ProblemsFound(repository.problems)
    makers: dict[Path, Callable[[str, Repository], str]] = {CODEOWNERS: _own, README: _tabulate}
    changed = []
    for place, make in makers.items():
        path = root / place
        before = path.read_text(encoding="utf-8") if path.is_file() else ""
        after = make(before, repository)
        if after != before:
            changed.append(place)
            if not check:
                path.write_text(after, encoding="utf-8")
    return changed


def _own(_before: str, repository: Repository) -> str:
    """The last line that fits a path counts: a workflow's own comes after the platform's."""
    platform = repository.platform.owner if repository.platform else None
    own = [(f"/flows/{each.folder}/", each.file.workflow.owner) for each in repository.workflows]
    rows = [("*", platform), *own] if platform else own
    return NOTE + "".join(f"{'' if '@' in owner else '# '}{place} {owner}\n" for place, owner in rows)


def _tabulate(before: str, repository: Repository) -> str:
    head, begin, rest = before.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ConfigError(f"{README} has no place for the table: the lines {BEGIN.strip()} and {END.strip()}")
    return f"{head}{begin}{''.join(_rows(repository.workflows))}{end}{tail}"


def _rows(workflows: tuple[Declaration, ...]) -> Iterator[str]:
    yield "| workflow | purpose | owner |\n|---|---|---|\n"
    for found in workflows:
        purpose = found.file.deployments[0].description or ""
        yield f"| [`{found.folder}`](flows/{found.folder}/README.md) | {purpose} | {found.file.workflow.owner} |\n"
