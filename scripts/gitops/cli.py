"""`uv run gitops`: every verb, its options and exit codes."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shared.errors import MailroomError
from shared.settings import ROOT

app = typer.Typer(
    name="gitops",
    help="What Git declares, what the Prefect server has, and the steps from one to the other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
console = Console(highlight=False, soft_wrap=True, markup=False)
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


ImagesOption = Annotated[
    Path | None, typer.Option("--images", help="JSON, image name -> digest, of what was built and pushed just now.")
]
WaitOption = Annotated[float, typer.Option(help="Seconds to wait for another apply to end.")]
PruneOption = Annotated[float, typer.Option(help="Largest share of our deployments to remove, 0 to 1.")]


class CalendarFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


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
    What is likely wrong with schedules is a warning. Exit codes: 0 nothing but warnings found, 1 something found.
    """
    from scripts.gitops.checks import check as find_problems
    from scripts.gitops.printing import print_problems
    from scripts.gitops.problems import find_errors
    from scripts.gitops.session import CACHE, JOBS

    root = path.resolve()
    problems = find_problems(root, cache=root / CACHE / "inspections", jobs=JOBS)
    print_problems(problems, form, console)
    if find_errors(problems):
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
    prune_share: PruneOption = 0.3,
    images: ImagesOption = None,
    wait: WaitOption = 0,
    force: Annotated[bool, typer.Option(help="Even if this commit is older than the live one, or unrelated.")] = False,
    root: RootOption = ROOT,
) -> None:
    """Make the server as Git says, then plan again: that plan must be empty. On failure, put all back as it was.

    Exit codes: 0 done, 1 refused or failed; the message says which.
    """
    from scripts.gitops import verbs
    from scripts.gitops.apply import Options
    from scripts.gitops.images import read_digests

    options = Options(adopt=adopt, prune_share=prune_share, digests=read_digests(images) if images else {})
    verbs.apply(root, env, options, console.print, wait=wait, force=force)


@app.command()
def rollback(
    to: Annotated[str, typer.Option("--to", help="The commit, an ancestor of the live one.")],
    env: EnvironmentOption = "local",
    prune_share: PruneOption = 0.3,
    wait: WaitOption = 0,
    root: RootOption = ROOT,
) -> None:
    """Apply what an earlier commit declares, with the images that it was deployed with. Nothing is built.

    The next apply goes on from there: revert in Git what was rolled back, or it comes again.
    """
    from scripts.gitops import rollback as rolling
    from scripts.gitops.apply import Options

    rolling.rollback(root, env, to, Options(prune_share=prune_share), console.print, wait=wait)


@app.command()
def drift(
    env: EnvironmentOption = "local",
    form: Annotated[Format, typer.Option("--format", help="For a terminal, an issue, or a program.")] = Format.TEXT,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 2 where anything differs.")] = False,
    root: RootOption = ROOT,
) -> None:
    """Show what someone changed by hand: the server beside the commit that was applied last, and when it changed.

    What a person has paused is no drift, and is noted. Exit codes: 0 shown, 2 with --exit-code: drift, 1 an error.
    """
    from scripts.gitops.drift import find_drift
    from scripts.gitops.drift_printing import print_drift, render_drift_json, render_drift_markdown

    found = find_drift(root, env)
    if form is Format.TEXT:
        print_drift(found, console)
    else:
        print(render_drift_json(found) if form is Format.JSON else render_drift_markdown(found).rstrip())
    if exit_code and found.found:
        raise typer.Exit(CHANGES_CODE)


@app.command()
def schedule(
    workflows: Annotated[list[str] | None, typer.Argument(help="Their folders; default: all.")] = None,
    env: EnvironmentOption = "local",
    days: Annotated[int, typer.Option(min=1, max=366, help="From the last midnight of the time zone on.")] = 7,
    zone: Annotated[str, typer.Option("--timezone", help="Of the picture's axis, as Europe/Berlin.")] = "UTC",
    form: Annotated[CalendarFormat, typer.Option("--format", help="A picture, or JSON.")] = CalendarFormat.TEXT,
    root: RootOption = ROOT,
) -> None:
    """Show when runs happen, and where they get into each other's way or read what is not there yet.

    With a server: how long runs take is the median of the last ones, and what people have paused is left out. Without:
    `expected_minutes` as declared.
    """
    from scripts.gitops.calendar.verb import show_calendar

    show_calendar(root, env, workflows or [], days, zone, console, as_json=form is CalendarFormat.JSON)


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


@app.command()
def images(
    env: EnvironmentOption = "local",
    changed: Annotated[bool, typer.Option("--changed", help="Only those that the registry does not have.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    root: RootOption = ROOT,
) -> None:
    """Show the image of each workflow that runs in one, and its digest where the registry has it. Needs no server."""
    from scripts.gitops.building import find_images
    from scripts.gitops.session import Session

    found = [each for each in find_images(Session.open(root, env)) if not (changed and each.digest)]
    if as_json:
        print(json.dumps([{"workflow": each.workflow, "image": each.name, "digest": each.digest} for each in found]))
        return
    for each in found:
        console.print(f"{each.name}  {each.digest or 'not built'}")


@app.command()
def build(
    workflows: Annotated[list[str] | None, typer.Argument(help="Their folders; default: all.")] = None,
    env: EnvironmentOption = "local",
    push: Annotated[bool, typer.Option("--push", help="Push what was built, and its parts list.")] = False,
    images: Annotated[Path | None, typer.Option("--images", help="Write the digests to this file, for apply.")] = None,
    archive: Annotated[
        Path | None, typer.Option(help="With --since: into this file, by `docker save`. No registry is asked.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="With --archive: those that differ from this commit's.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Build what the registry does not have, by the recipe in the root prefect.yaml; import every flow in its image."""
    from scripts.gitops.building import build as build_images
    from scripts.gitops.building import build_archive, write_digests
    from scripts.gitops.session import Session

    if archive or since:
        if not (archive and since) or push or images or workflows:
            raise typer.BadParameter("--archive FILE and --since COMMIT go together, and with nothing else")
        kept = build_archive(Session.open(root, env), since, archive, console.print)
        console.print(f"{archive}: {', '.join(each.name for each in kept) or 'no image has changed'}")
        return
    found = build_images(Session.open(root, env), workflows or [], console.print, push=push)
    for each in found:
        console.print(f"{each.name}  {each.digest or 'built, not pushed'}")
    if images:
        write_digests(found, images)


preview = typer.Typer(
    help="Changed workflows beside the live ones, for as long as a change is open.", no_args_is_help=True
)
app.add_typer(preview, name="preview")
PreviewName = Annotated[str, typer.Argument(help="As pr-12: small letters, digits, dashes.")]


@preview.command("up")
def preview_up(
    name: PreviewName,
    env: EnvironmentOption = "local",
    since: Annotated[
        str | None, typer.Option(help="A commit: what has changed since then, not from the server.")
    ] = None,
    images: ImagesOption = None,
    wait: WaitOption = 0,
    root: RootOption = ROOT,
) -> None:
    """Deploy the changed workflows under a suffix: lane and outputs of their own, no schedule, no trigger."""
    from scripts.gitops import previewing
    from scripts.gitops.images import read_digests

    digests = read_digests(images) if images else {}
    previewing.up(root, env, name, console.print, since=since, digests=digests, wait=wait)


@preview.command("down")
def preview_down(
    name: PreviewName, env: EnvironmentOption = "local", wait: WaitOption = 0, root: RootOption = ROOT
) -> None:
    """Remove all that the preview has on the server: deployments, lane, runs. Nothing is left where nothing was."""
    from scripts.gitops import previewing

    previewing.down(root, env, name, console.print, wait=wait)


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
        errors.print(f"[bold red]gitops:[/] {escape(str(error))}", markup=True)
        sys.exit(ERROR_CODE)
