"""For all tests: the folder of foreign documents, and what each area of the tests costs."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

MEASURED = pytest.StashKey[list[str]]()
MARKED_AREAS = ("corpus", "slow")
"""Markers that count as areas of their own, whatever the folder; the first that fits takes the test."""


@pytest.fixture(scope="session")
def corpus() -> Path:
    """Documents that nobody here wrote; they stay outside the repository."""
    named = os.environ.get("MAILROOM_CORPUS")
    if not named:
        pytest.skip("MAILROOM_CORPUS names no folder of foreign documents")
    return Path(named)


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Says at the end of all tests what one of them has measured. It is never a condition."""
    lines: list[str] = request.config.stash.setdefault(MEASURED, [])
    return lines.append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(MEASURED, []):
        terminalreporter.section("measured")
        for line in lines:
            terminalreporter.line(line)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--areas", action="store_true", help="print the minutes that each area of the tests took")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("areas"):
        config.pluginmanager.register(Areas(), "areas")


class Areas:
    """Sums set-up, test and tear-down, so that a shared server is charged to the area that started it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        area = find_area(report.nodeid, report.keywords)
        self.seconds[area] += report.duration
        self.tests[area] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("minutes per area")
        for area, seconds in sorted(self.seconds.items(), key=lambda row: -row[1]):
            terminalreporter.line(render_area(area, seconds, self.tests[area]))
        terminalreporter.line(render_area("all", sum(self.seconds.values()), self.tests.total()))


def render_area(area: str, seconds: float, tests: int) -> str:
    return f"{area:<12} {seconds / 60:6.1f} min {tests:6d} tests"


def find_area(nodeid: str, marks: Iterable[str]) -> str:
    """A marker of `MARKED_AREAS`, else the folder below `tests/`, else `repository`."""
    for marker in MARKED_AREAS:
        if marker in marks:
            return marker
    folders = Path(nodeid.split("::", 1)[0]).parent.parts
    return folders[1] if len(folders) > 1 else "repository"
