"""What a workflow declares of what it reads, as its own `prefect.yaml` has it."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from shared.durations import Duration
from shared.errors import ConfigError


class Reads(BaseModel):
    """What a workflow declares of what it reads; all else there is for others."""

    reads: list[str] = []
    max_age: Duration | None = None


def read_declaration(path: Path) -> Reads:
    """Raises ConfigError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Reads.model_validate(data["workflow"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
        raise ConfigError(f"{path} does not say what the workflow reads: {error}") from error
