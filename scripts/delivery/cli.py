"""`uv run delivery`: the steps of the workflows in `.github/`, for a laptop too."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from shared.errors import MailroomError
from shared.settings import ROOT

app = typer.Typer(
    name="delivery", help="What CI/CD does beside gitops.", no_args_is_help=True, pretty_exceptions_enable=False
)
console = Console(highlight=False, soft_wrap=True, markup=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

RootOption = Annotated[Path, typer.Option("--root", help="The checkout.", hidden=True)]
HeadOption = Annotated[str, typer.Option("--head", help="The pull request's newest commit.")]
EnvironmentsOption = Annotated[list[str], typer.Option("--env", "-e", help="Which environments/NAME.env.")]


@app.command()
def plan(
    head: HeadOption,
    env: EnvironmentsOption,
    number: Annotated[int, typer.Option(help="Of the pull request; 0: of those of our own branches.")] = 0,
    folder: Path = Path(".state/declared"),
) -> None:
    """Comment on the pull request what merging it would change on each server. Runs nothing of it."""
    from scripts.delivery.github import GitHub
    from scripts.delivery.planning import comment_plan

    numbers = comment_plan(GitHub.from_environment(), head, env, folder, number)
    console.print(f"the plan is on {', '.join(f'#{each}' for each in numbers)}")


@app.command()
def deploy(
    env: Annotated[str, typer.Option("--env", "-e", help="Which environments/NAME.env.")],
    images: Annotated[Path, typer.Option(help="What `gitops build --images` wrote.")],
    smoke: Annotated[bool, typer.Option(help="Try out what was deployed; where that fails, go back.")] = True,
    root: RootOption = ROOT,
) -> None:
    """Apply, try out, and go back to the commit of before where that fails. Exit codes: 0 live, 1 as it was."""
    from scripts.delivery.deploying import deploy as make_live

    make_live(root, env, images, console.print, smoke=smoke)


@app.command("drift-issue")
def drift_issue(env: Annotated[str, typer.Option("--env", "-e")], root: RootOption = ROOT) -> None:
    """Open, update or close the one issue that tells what was changed on the server by hand."""
    from scripts.delivery.comments import tell_issue
    from scripts.delivery.github import GitHub
    from scripts.gitops.drift import find_drift
    from scripts.gitops.drift_printing import render_drift_markdown

    found = find_drift(root, env)
    text = render_drift_markdown(found) if found.found else None
    console.print(tell_issue(GitHub.from_environment(), f"drift-{env}", f"Drift in {env}", text))


preview = typer.Typer(
    help="Of a pull request: pushed without being run, put up without its code.", no_args_is_help=True
)
app.add_typer(preview, name="preview")
NumberArgument = Annotated[int, typer.Argument(help="Of the pull request.", min=1)]


@preview.command("push")
def preview_push(
    number: NumberArgument,
    head: HeadOption,
    images: Annotated[Path, typer.Option(help="Where to write what was pushed.")],
    env: str = "preview",
    root: RootOption = ROOT,
) -> None:
    """Push the images that ci has built for this commit. Nothing of them is run."""
    from scripts.delivery.github import GitHub
    from scripts.delivery.previews import push

    push(GitHub.from_environment(), number, head, root, env, images, console.print)


@preview.command("up")
def preview_up(
    number: NumberArgument,
    head: HeadOption,
    images: Annotated[Path, typer.Option(help="What `preview push` wrote.")],
    env: str = "preview",
    root: RootOption = ROOT,
) -> None:
    """Deploy what the pull request declares on the preview server, as data."""
    from scripts.delivery.github import GitHub
    from scripts.delivery.previews import up

    up(GitHub.from_environment(), number, head, root, env, images, console.print)


@preview.command("down")
def preview_down(number: NumberArgument, env: str = "preview", root: RootOption = ROOT) -> None:
    """Remove all that it has on the preview server."""
    from scripts.gitops.previewing import down

    down(root, env, f"pr-{number}", console.print, wait=900)


@app.command()
def unlabel(number: NumberArgument, label: list[str]) -> None:
    """Take labels off a pull request: what was pushed since has not been looked at."""
    from scripts.delivery.github import GitHub

    github = GitHub.from_environment()
    for name in label:
        github.delete(f"/issues/{number}/labels/{name}")


@app.command()
def gate() -> None:
    """End as the jobs before did: RESULTS holds how, separated by spaces. Exit codes: 0 all succeeded, 1 not."""
    results = os.environ.get("RESULTS", "").split()
    if not results or set(results) - {"success", "skipped"}:
        errors.print(f"jobs before this one: {' '.join(results) or 'none'}")
        raise typer.Exit(1)


@app.command()
def generate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 where anything would change.")
    ] = False,
    root: RootOption = ROOT,
) -> None:
    """Write CODEOWNERS and the README's table of workflows from what the workflows declare."""
    from scripts.delivery.generated import generate as write

    changed = write(root, check=check)
    for path in changed:
        console.print(f"{path} {'is not as the workflows declare: uv run delivery generate' if check else 'written'}")
    if check and changed:
        raise typer.Exit(1)


@app.command()
def pin(
    images: Annotated[list[str] | None, typer.Argument(help="As named there, without digest; default: all.")] = None,
    mirror: Annotated[str | None, typer.Option(help="A registry that stands in for Docker Hub.")] = None,
    root: RootOption = ROOT,
) -> None:
    """Write beside every base image the digest that its registry has. Exit codes: 0 all, 1 some are not known."""
    from scripts.delivery.pins import pin as pin_images

    if pin_images(root, images or [], mirror, console.print):
        raise typer.Exit(1)


@app.command("raise-apt-date")
def raise_apt_date(root: RootOption = ROOT) -> None:
    """Open or renew the pull request that raises APT_DATE to today: images then have what Debian has mended since."""
    from scripts.delivery.canary import raise_apt_date as open_pull

    console.print(open_pull(root))


@app.command("canary-issue")
def canary_issue(log: Annotated[Path, typer.Argument(help="What the tests said, with the newest packages.")]) -> None:
    """Open, update or close the issue on what breaks with the newest packages; an empty log means that nothing does."""
    from scripts.delivery.canary import tell_breaks

    console.print(tell_breaks(log))


def main() -> None:
    try:
        app()
    except MailroomError as error:
        errors.print(f"[bold red]delivery:[/] {escape(str(error))}", markup=True)
        sys.exit(1)
