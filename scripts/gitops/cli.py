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


@app.command()
def plan(
    env: EnvironmentOption = "local",
    form: Annotated[Format, typer.Option("--format", help="For a terminal, a comment, or a program.")] = Format.TEXT,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 2 where anything would change.")] = False,
    root: RootOption = ROOT,
) -> None:
    """Show what apply would change on the server. Changes nothing.

    Exit codes: 0 shown (with --exit-code: nothing would change), 2 with --exit-code: changes, 1 an error.
    """
    from scripts.gitops import verbs

    found = verbs.plan(root, env, form, console)
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

    verbs.apply(root, env, console, adopt=adopt, prune_share=prune_share, wait=wait, force=force)


def main() -> None:
    try:
        app()
    except MailroomError as error:
        errors.print(f"[bold red]gitops:[/] {error}", markup=True)
        sys.exit(ERROR_CODE)
