"""CODEOWNERS and the README's table follow from what the workflows declare."""

from pathlib import Path

import pytest

from scripts.delivery.generated import BEGIN, END, generate
from shared.errors import ConfigError
from tests.scripts.gitops.checkout import Checkout, platform


def test_both_files_follow_the_declarations(tmp_path: Path) -> None:
    """Written where they differ, and only looked at with `check`; the rest of the README stays."""
    made = Checkout.make(tmp_path, "scan")
    made.add("mail", workflow={"owner": "@team/mail"})
    made.write("prefect.yaml", platform(owner="@team/platform"))
    made.write("README.md", f"# Title\n{BEGIN}old\n{END}The end.\n")
    (tmp_path / ".github").mkdir()
    assert len(generate(tmp_path, check=True)) == 2
    assert not (tmp_path / ".github/CODEOWNERS").exists()
    assert len(generate(tmp_path)) == 2
    owners = (tmp_path / ".github/CODEOWNERS").read_text()
    assert "\n* @team/platform\n" in owners
    assert "/flows/mail/ @team/mail\n" in owners
    assert "# /flows/scan/ tests\n" in owners
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("# Title\n")
    assert "| [`scan`](flows/scan/README.md) | scan. | tests |\n" in readme
    assert readme.endswith("The end.\n")
    assert generate(tmp_path, check=True) == []


def test_a_readme_without_a_place_for_it(tmp_path: Path) -> None:
    """Is told which lines it lacks."""
    made = Checkout.make(tmp_path, "scan")
    made.write("README.md", "# Title\n")
    with pytest.raises(ConfigError, match="no place for the table"):
        generate(tmp_path, check=True)
