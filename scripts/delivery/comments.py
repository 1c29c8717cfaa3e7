"""What CI/CD says on GitHub: one comment per pull request and purpose, one issue per matter, kept up to date."""

from typing import Any

from scripts.delivery.github import GitHub

LONGEST = 65_000
"""GitHub takes 65,536 characters."""
CUT = "\n\n… cut here: GitHub takes no longer one. The same command on a laptop shows the whole.\n"


def upsert_comment(github: GitHub, number: int, purpose: str, text: str) -> None:
    """Replaces the comment of that purpose, or makes it."""
    mark = f"<!-- mailroom:{purpose} -->"
    body = {"body": f"{mark}\n{shorten(text)}"}
    for comment in github.pages(f"/issues/{number}/comments"):
        # Anyone may write the mark; only our own comment can be changed.
        if comment["body"].startswith(mark) and comment["user"]["type"] == "Bot":
            github.patch(f"/issues/comments/{comment['id']}", body)
            return
    github.post(f"/issues/{number}/comments", body)


def shorten(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + CUT


def find_issue(github: GitHub, label: str) -> Any | None:
    """The open issue with this label."""
    found = [each for each in github.pages("/issues", labels=label, state="open") if "pull_request" not in each]
    return found[0] if found else None


def tell_issue(github: GitHub, label: str, title: str, text: str | None) -> str:
    """Opens or updates the one issue of this label; closes it where there is nothing to say. What was done."""
    issue = find_issue(github, label)
    if text is None:
        if issue is None:
            return "nothing to say"
        github.post(f"/issues/{issue['number']}/comments", {"body": "This is over; nothing of it is left."})
        github.patch(f"/issues/{issue['number']}", {"state": "closed"})
        return f"closed issue {issue['number']}"
    body = {"title": title, "body": shorten(text)}
    if issue is None:
        made = github.post("/issues", {**body, "labels": [label]})
        return f"opened issue {made['number']}"
    github.patch(f"/issues/{issue['number']}", body)
    return f"updated issue {issue['number']}"
