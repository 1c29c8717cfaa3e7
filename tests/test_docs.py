"""What the documentation says is so."""

import re
from pathlib import Path

import pytest

from shared.outcomes import Reason
from shared.settings import ROOT, Settings
from tests.documented import find_commands

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "flows").glob("*/README.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link points at a file that exists."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_reason_has_its_remedy() -> None:
    """docs/operate.md says what to do about every reason."""
    page = (ROOT / "docs" / "operate.md").read_text()
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []


def test_every_setting_is_described() -> None:
    """docs/operate.md names every environment variable that is read."""
    page = (ROOT / "docs" / "operate.md").read_text()
    assert [name for name in Settings.model_fields if f"`MAILROOM_{name.upper()}`" not in page] == []


def test_every_finding_is_explained() -> None:
    """docs/operate.md says what each finding means."""
    page = (ROOT / "docs" / "operate.md").read_text()
    sources = [path.read_text() for top in ("flows", "shared") for path in (ROOT / top).rglob("*.py")]
    codes = {code for source in sources for code in re.findall(r'Finding\(\s*"([a-z_]+)"', source)}
    assert len(codes) >= 10
    assert sorted(code for code in codes if f"`{code}`" not in page) == []


@pytest.mark.parametrize("page", ["deploy", "operate"])
def test_every_command_is_run_by_a_test(page: str) -> None:
    """A command of these pages stands, letter by letter, in a test that runs it."""
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert [command for command in find_commands(ROOT / "docs" / f"{page}.md") if f'"{command}"' not in tests] == []
