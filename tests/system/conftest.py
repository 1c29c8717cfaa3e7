from collections.abc import Iterator

import pytest

from shared.settings import Settings
from tests.system.stack import Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One for all tests of this folder: starting it takes longer than most of them."""
    state = tmp_path_factory.mktemp("state")
    settings = Settings(state=state, ledger_url=f"sqlite:///{state}/ledger.db")
    stack = Stack.start(settings)
    yield stack
    stack.stop()
