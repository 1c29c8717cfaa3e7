"""Settings of the machine, read once at the edge and passed on as a value."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.tokens import TokenPool

ROOT = Path(__file__).resolve().parents[1]


class Settings(BaseSettings):
    """Every field is an environment variable with the prefix `MAILROOM_`."""

    model_config = SettingsConfigDict(env_prefix="MAILROOM_", frozen=True, extra="ignore")

    state: Annotated[Path, Field(description="Folder of what this machine keeps: embedded server, ledger, logs")] = (
        ROOT / ".state"
    )
    ledger_url: Annotated[str | None, Field(description="SQLAlchemy URL; default: SQLite in the state folder")] = None
    lease_seconds: Annotated[float, Field(gt=1, description="A run that is silent for so long loses its lease")] = 60
    cores: Annotated[int, Field(gt=0, description="Cores of this host that all runs together may keep busy")] = len(
        os.sched_getaffinity(0)
    )
    tokens: Annotated[
        Path, Field(description="Folder that the runs of one host share, so that they share its cores")
    ] = Path(tempfile.gettempdir()) / f"mailroom-{os.getuid()}"
    slice_seconds: Annotated[
        float, Field(ge=0, description="Target for one task run; 0: one document in each, which costs the server dear")
    ] = 60

    @property
    def ledger(self) -> str:
        return self.ledger_url or f"sqlite:///{self.state.resolve() / 'ledger.db'}"

    @property
    def token_pool(self) -> TokenPool:
        return TokenPool(self.tokens, self.cores)
