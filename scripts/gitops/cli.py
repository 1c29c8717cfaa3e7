"""`uv run gitops`: every verb, its options and exit codes."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from shared.errors import MailroomError
from shared.settings import ROOT

app = typer.Typer(
    name="gitops",
    help="What Git declares, what the Prefect server has, and the steps from one to the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

CHANGES_CODE, ERROR_CODE = 2, 1


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


EnvironmentOption = Annotated[
    str, typer.Option("--env", "-e", help="Which environments/NAME.env; `local` needs none.", envvar="MAILROOM_ENV")
]
RootOption = Annotated[Path, typer.Option("--root", help="The checkout.", hidden=True)]


class CheckFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


@app.command()
def check(
    path: Annotated[
        Path, typer.Argument(help="A checkout, or any folder or file with Prefect's declarations.", exists=True)
    ] = ROOT,
    form: Annotated[
        CheckFormat, typer.Option("--format", help="Lines, JSON, or annotations of GitHub Actions.")
    ] = CheckFormat.TEXT,
) -> None:
    """Find what Prefect would silently ignore, lose or expose. Offline; needs no server.

    In a repository that is not laid out like this one: what is wrong with its prefect.yaml files by Prefect's own
    meaning.
    Exit codes: 0 nothing found, 1 something found.
    """
    from scripts.gitops.checks import check as find_problems
    from scripts.gitops.printing import print_problems
    from scripts.gitops.session import CACHE, JOBS

    root = path.resolve()
    problems = find_problems(root, cache=root / CACHE / "inspections", jobs=JOBS)
    print_problems(problems, form, console)
    if problems:
        raise typer.Exit(ERROR_CODE)


@app.command()
def plan(
    env: EnvironmentOption = "local",
    form: Annotated[Format, typer.Option("--format", help="For a terminal, a comment, or a program.")] = Format.TEXT,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 2 where anything would change.")] = False,
    declared: Annotated[
        Path | None, typer.Option(help="Compare with what `gitops render --declared` wrote, not with the checkout.")
    ] = None,
    root: RootOption = ROOT,
) -> None:
    """Show what apply would change on the server. Changes nothing.

    Exit codes: 0 shown (with --exit-code: nothing would change), 2 with --exit-code: changes, 1 an error.
    """
    from scripts.gitops import verbs

    found = verbs.plan(root, env, form, console, declared)
    if exit_code and found.pending:
        raise typer.Exit(CHANGES_CODE)


@app.command()
def apply(
    env: EnvironmentOption = "local",
    adopt: Annotated[bool, typer.Option(help="Take over what is declared, live, and bears nobody's mark.")] = False,
    prune_share: Annotated[float, typer.Option(help="Largest share of our deployments to remove, 0 to 1.")] = 0.3,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another apply to end.")] = 0,
    force: Annotated[bool, typer.Option(help="Even if this commit is older than the live one, or unrelated.")] = False,
    root: RootOption = ROOT,
) -> None:
    """Make the server as Git says, then plan again: that plan must be empty. On failure, put all back as it was.

    Exit codes: 0 done, 1 refused or failed; the message says which.
    """
    from scripts.gitops import verbs
    from scripts.gitops.apply import Options

    options = Options(adopt=adopt, prune_share=prune_share)
    verbs.apply(root, env, options, console.print, wait=wait, force=force)


@app.command()
def render(
    env: EnvironmentOption = "local",
    folder: Annotated[Path | None, typer.Option(help="Write one file per deployment below this folder.")] = None,
    declared: Annotated[Path | None, typer.Option(help="Write all declarations to this file, as JSON.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Show the declarations as `prefect deploy` would get them, every placeholder resolved. Needs no server."""
    from scripts.gitops import verbs

    verbs.render(root, env, folder, declared)


@app.command()
def versions(
    workflow: Annotated[str | None, typer.Argument(help="Its folder; default: all.")] = None,
    since: Annotated[str | None, typer.Option(help="A commit: say which inputs differ from its.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Show the image version of each workflow: the digest of all that its image is made of. Needs no server."""
    from scripts.gitops import verbs

    verbs.versions(root, workflow, since, console)


secret = typer.Typer(help="Secrets: set from standard input, never shown.", no_args_is_help=True)
app.add_typer(secret, name="secret")


@secret.command("set")
def secret_set(
    name: Annotated[str, typer.Argument(help="As declared under `secrets:` in the root prefect.yaml.")],
    env: EnvironmentOption = "local",
    root: RootOption = ROOT,
) -> None:
    """Store a secret on the server, from standard input: gitops secret set NAME < FILE."""
    from scripts.gitops import verbs

    verbs.secret_set(root, env, name, sys.stdin.read().removesuffix("\n"), console)


@secret.command("check")
def secret_check(env: EnvironmentOption = "local", root: RootOption = ROOT) -> None:
    """Say which declared secrets are on the server. Exit codes: 0 all are, 1 some are missing."""
    from scripts.gitops import verbs

    if verbs.secret_check(root, env, console):
        raise typer.Exit(ERROR_CODE)


def main() -> None:
    try:
        app()
    except MailroomError as error:
        errors.print(f"[bold red]gitops:[/] {error}", markup=True)
        sys.exit(ERROR_CODE)
