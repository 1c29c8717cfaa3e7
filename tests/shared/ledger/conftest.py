"""A ledger on each database that we support."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.ledger import Batch, Ledger
from tests.shared.ledger.rows import new_batch


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    database: str = request.getfixturevalue("postgresql_database")
    return database


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger.open(ledger_url)
    yield ledger
    ledger.close()


@pytest.fixture
def batch(ledger: Ledger) -> Batch:
    return ledger.open_batch(new_batch("b1"))
