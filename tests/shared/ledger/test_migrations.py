"""Migrations go forward only, and take nothing away from the code before."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import ConfigError
from shared.ledger import Ledger
from shared.ledger.connection import MIGRATIONS, migrate, open_engine
from tests.shared.ledger.conftest import write_newer

ADDING = frozenset({"create_table", "create_index", "add_column"})
VERSIONS = sorted((MIGRATIONS / "versions").glob("*.py"))


def test_a_ledger_of_a_later_era_is_refused(tmp_path: Path) -> None:
    """Newer code has changed it in a way that ours cannot follow: the message says what to do."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    engine = open_engine(url)
    migrate(engine, scripts=write_newer(tmp_path, revision="2.0001"))
    engine.dispose()
    with pytest.raises(ConfigError, match=r"is at revision 2\.0001, .* Deploy that newer code again"):
        Ledger.open(url)


def find_breaks(source: str) -> Iterator[str]:
    """What a migration does that the code before it would stumble over; nothing where it begins an era."""
    tree = ast.parse(source)
    stated = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    if stated["down_revision"] is None or era(stated["down_revision"]) != era(stated["revision"]):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner, name = node.func.value, node.func.attr
            if isinstance(owner, ast.Name) and owner.id == "op" and name not in ADDING:
                yield name
            if name == "add_column" and not _may_be_left_out(node):
                yield "add_column without a default"


def era(revision: str) -> str:
    return revision.partition(".")[0]


def _may_be_left_out(add_column: ast.Call) -> bool:
    (column,) = (each for each in add_column.args if isinstance(each, ast.Call))
    said = {keyword.arg: keyword.value for keyword in column.keywords}
    nullable = said.get("nullable")
    return "server_default" in said or (isinstance(nullable, ast.Constant) and nullable.value is True)


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_takes_nothing_away(path: Path) -> None:
    """Within an era it only adds, and what it adds may be left out by who does not know it."""
    assert list(find_breaks(path.read_text())) == []


HEAD = 'revision = "1.0002"\ndown_revision = "1.0001"\n'


@pytest.mark.parametrize(
    ("body", "breaks"),
    [
        ('op.add_column("a", sa.Column("b", sa.String(), nullable=True))', []),
        ('op.add_column("a", sa.Column("b", sa.String(), nullable=False, server_default=""))', []),
        ('op.add_column("a", sa.Column("b", sa.String(), nullable=False))', ["add_column without a default"]),
        ('op.add_column("a", sa.Column("b", sa.String()))', ["add_column without a default"]),
        ('op.drop_column("a", "b")', ["drop_column"]),
        ('op.alter_column("a", "b", new_column_name="c")', ["alter_column"]),
        ('op.rename_table("a", "b")', ["rename_table"]),
        ('op.execute("DELETE FROM a")', ["execute"]),
    ],
)
def test_what_takes_something_away_is_seen(body: str, breaks: list[str]) -> None:
    """The check can fail; a new era may do what it must."""
    assert list(find_breaks(f"{HEAD}{body}\n")) == breaks
    assert list(find_breaks(HEAD.replace("1.0002", "2.0001") + body)) == []
