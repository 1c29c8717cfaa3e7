"""What time does to a repository that nobody changes: packages move on, and base images age."""

import re
from datetime import UTC, datetime
from pathlib import Path

from scripts.delivery.comments import tell_issue
from scripts.delivery.github import GitHub
from shared.errors import ConfigError

APT_DATE = re.compile(r"^ARG APT_DATE=(\S+)$", re.MULTILINE)
BRANCH = "raise-apt-date"
RECIPE = "Dockerfile"
LINES = 200
"""Of the end of a log."""


def tell_breaks(log: Path) -> str:
    """Opens, updates or closes the issue of the label `canary`."""
    try:
        said = log.read_text(encoding="utf-8", errors="replace").strip()
    except OSError as error:
        raise ConfigError(f"{log} cannot be read: {error.strerror}") from error
    tail = "\n".join(said.splitlines()[-LINES:]).replace("```", "'''")
    text = f"With the newest packages that pyproject.toml allows, the tests fail:\n```\n{tail}\n```\n"
    return tell_issue(
        GitHub.from_environment(), "canary", "The newest packages break something", text if said else None
    )


def raise_apt_date(root: Path) -> str:
    """Opens or renews the pull request. Through the API: no credential is ever in a checkout."""
    github = GitHub.from_environment()
    today = datetime.now(UTC).date().isoformat()
    text, count = APT_DATE.subn(f"ARG APT_DATE={today}", (root / RECIPE).read_text(encoding="utf-8"))
    if count != 1:
        raise ConfigError(f"{RECIPE} has {count} lines ARG APT_DATE=..., one is expected")
    base = github.get("")["default_branch"]
    title = f"Raise APT_DATE to {today}"
    _set_branch(github, _commit(github, github.get(f"/git/ref/heads/{base}")["object"]["sha"], title, text))
    owner = github.repository.partition("/")[0]
    opened = list(github.pages("/pulls", state="open", head=f"{owner}:{BRANCH}"))
    if opened:
        github.patch(f"/pulls/{opened[0]['number']}", {"title": title})
        return f"renewed #{opened[0]['number']}"
    why = "Every image is built anew, with what Debian has mended since the last time."
    made = github.post("/pulls", {"title": title, "head": BRANCH, "base": base, "body": why})
    return f"opened #{made['number']}"


def _commit(github: GitHub, parent: str, message: str, recipe: str) -> str:
    """On top of `parent`; no branch has it yet."""
    entry = {"path": RECIPE, "mode": "100644", "type": "blob", "content": recipe}
    base = github.get(f"/git/commits/{parent}")["tree"]["sha"]
    tree = github.post("/git/trees", {"base_tree": base, "tree": [entry]})["sha"]
    return str(github.post("/git/commits", {"message": message, "tree": tree, "parents": [parent]})["sha"])


def _set_branch(github: GitHub, commit: str) -> None:
    """In one step: GitHub closes a pull request whose branch has nothing that its base has not."""
    found = [row["ref"] for row in github.get(f"/git/matching-refs/heads/{BRANCH}")]
    if f"refs/heads/{BRANCH}" in found:
        github.patch(f"/git/refs/heads/{BRANCH}", {"sha": commit, "force": True})
    else:
        github.post("/git/refs", {"ref": f"refs/heads/{BRANCH}", "sha": commit})
