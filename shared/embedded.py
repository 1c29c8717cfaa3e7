"""The embedded server of this checkout, if one is up: where it listens, and which processes it is."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from shared.settings import Settings


@dataclass(frozen=True)
class ProcessMark:
    """A process beyond doubt: ids are reused, so its creation time (seconds since 1970) is kept beside it."""

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessMark":
        return cls(pid, psutil.Process(pid).create_time())

    def is_alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class Embedded:
    """An embedded server and its worker, as written to the state folder when they were started."""

    api_url: str
    processes: dict[str, ProcessMark] = field(default_factory=dict)

    @property
    def ui_url(self) -> str:
        return self.api_url.removesuffix("/api")

    def is_up(self) -> bool:
        return "server" in self.processes and self.processes["server"].is_alive()


def state_file(settings: Settings) -> Path:
    return settings.state / "embedded.json"


def read_embedded(settings: Settings) -> Embedded | None:
    """None where none was started, or the server is gone."""
    path = state_file(settings)
    if not path.is_file():
        return None
    raw = json.loads(path.read_text(encoding="utf-8"))
    marks = {name: ProcessMark(**mark) for name, mark in raw["processes"].items()}
    embedded = Embedded(raw["api_url"], marks)
    return embedded if embedded.is_up() else None


def write_embedded(settings: Settings, embedded: Embedded) -> None:
    path = state_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(embedded), indent=1) + "\n", encoding="utf-8")
