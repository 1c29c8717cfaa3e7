"""An environment: a name, and the handful of values in `environments/<name>.env` by which it differs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from shared.errors import ConfigError

LOCAL = "local"
PLACEHOLDER = re.compile(r"change.?me|<[^>]*>|example\.(com|org|net)|xxx", re.IGNORECASE)
API_URL = "PREFECT_API_URL"


@dataclass(frozen=True)
class Environment:
    name: str
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_local(self) -> bool:
        return self.name == LOCAL

    @property
    def placeholders(self) -> dict[str, str]:
        """Values that nobody has filled in yet."""
        return {name: value for name, value in self.values.items() if PLACEHOLDER.search(value)}


def list_environments(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "environments").glob("*.env"))


def read_environment(root: Path, name: str) -> Environment:
    """Raises ConfigError where there is no such file. Only `local` may go without one."""
    path = root / "environments" / f"{name}.env"
    if path.is_file():
        return Environment(name, {key: value or "" for key, value in dotenv_values(path, interpolate=False).items()})
    if name == LOCAL:
        return Environment(LOCAL)
    known = ", ".join(list_environments(root)) or "none"
    raise ConfigError(f"there is no environments/{name}.env; environments here: {known}")


def check_filled_in(environment: Environment) -> None:
    """Raises ConfigError outside `local` where a value is still a placeholder."""
    if environment.is_local or not environment.placeholders:
        return
    name, value = next(iter(environment.placeholders.items()))
    raise ConfigError(
        f"environments/{environment.name}.env: {name}={value} is a placeholder; write the real value (no secret)"
    )
