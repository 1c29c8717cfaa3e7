"""A ledger on each database that we support."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from shared.ledger import Batch, Ledger
from shared.ledger.connection import MIGRATIONS, migrate, open_engine
from tests.shared.ledger.rows import new_batch

NEWER = '''"""What newer code may do: add."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("claims", sa.Column("id", sa.Integer(), primary_key=True), sa.Column("owner", sa.String()))
    op.add_column("receipts", sa.Column("attempts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("inputs", sa.Column("etag", sa.String(), nullable=True))
    op.create_index("newer", "inputs", ["etag"])
'''


def write_newer(folder: Path, revision: str = "1.9999") -> Path:
    """The migrations of code that is ahead of ours by one."""
    scripts = folder / "newer"
    shutil.copytree(MIGRATIONS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    before = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    (scripts / "versions/9999_newer.py").write_text(NEWER.format(revision=revision, before=before))
    return scripts


@pytest.fixture(
    params=[
        "sqlite",
        "sqlite, ahead",
        pytest.param("postgresql", marks=pytest.mark.slow),
        pytest.param("postgresql, ahead", marks=pytest.mark.slow),
    ]
)
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Empty, or as newer code has left it: then ours was rolled back, and must work on."""
    kind, _, ahead = request.param.partition(", ")
    url: str = f"sqlite:///{tmp_path}/ledger.db" if kind == "sqlite" else request.getfixturevalue("postgresql_database")
    if ahead:
        engine = open_engine(url)
        migrate(engine, scripts=write_newer(tmp_path))
        engine.dispose()
    return url


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def batch(ledger: Ledger) -> Batch:
    return ledger.open_batch(new_batch("b1"))
