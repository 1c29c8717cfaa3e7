"""`gitops schedule`: with what a server knows where one is set, else from the declarations alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect.settings import get_current_settings
from rich.console import Console

from scripts.gitops.calendar.calendar import make_calendar, render_json
from scripts.gitops.calendar.known import read_known
from scripts.gitops.calendar.lines import Known
from scripts.gitops.calendar.picture import print_calendar
from scripts.gitops.environment import API_URL
from scripts.gitops.session import ProblemsFound, Session
from shared.errors import ConfigError


def show_calendar(
    root: Path, env: str, workflows: Sequence[str], days: int, zone: str, console: Console, *, as_json: bool
) -> None:
    """Raises ConfigError."""
    session = Session.open(root, env)
    if session.repository.problems:
        raise ProblemsFound(session.repository.problems)
    midnight = datetime.now(_find_zone(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    calendar = make_calendar(session.repository, midnight.astimezone(ZoneInfo("UTC")), days, _read_known(session))
    if workflows:
        known = {each.folder for each in session.repository.workflows}
        if unknown := sorted(set(workflows) - known):
            raise ConfigError(f"there is no workflow {unknown[0]}; there are {', '.join(sorted(known))}")
        lines = tuple(line for line in calendar.lines if line.folder in workflows)
        findings = tuple(finding for finding in calendar.findings if finding.folder in ("", *workflows))
        calendar = replace(calendar, lines=lines, findings=findings)
    if as_json:
        print(render_json(calendar))
    else:
        print_calendar(calendar, console, zone)


def _read_known(session: Session) -> Known | None:
    stated = session.environment.values.get(API_URL) and not session.environment.placeholders
    if not stated and not get_current_settings().api.url:
        return None
    with session.server() as server:
        return read_known(server, session.owner)


def _find_zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ConfigError(f"there is no time zone {name}; write one as Europe/Berlin") from error
