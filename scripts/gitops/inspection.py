"""What only a workflow's code can tell: its flow's name, description and parameters. Imported for real, then cached."""

import contextlib
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scripts.gitops.warm import Task, run_tasks

PRELOAD = ("prefect.flows", "prefect.utilities.importtools", "prefect.utilities.callables", "scripts.gitops.inspection")
LAST_LINE = re.compile(r"^(\w[\w.]*(?:Error|Exception|Interrupt|Exit)\b.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Inspection:
    """Of one entrypoint. `fault` says why it could not be imported; then nothing else is known."""

    flow_name: str = ""
    description: str | None = None
    parameter_schema: Mapping[str, Any] = field(default_factory=dict)
    fault: str | None = None


def inspect_entrypoints(
    root: Path, entrypoints: Mapping[str, str], *, cache: Path | None = None, jobs: int = 2
) -> dict[str, Inspection]:
    """Entrypoint -> what its code says. `entrypoints` gives the version of the code behind each, the cache's key.

    Faults are not cached: what was missing may have been installed since.
    """
    known = {entrypoint: _read_cache(cache, entrypoint, version) for entrypoint, version in entrypoints.items()}
    fresh = [entrypoint for entrypoint, inspection in known.items() if inspection is None]
    found = {entrypoint: inspection for entrypoint, inspection in known.items() if inspection is not None}
    for entrypoint, inspection in _import_all(root, fresh, jobs).items():
        found[entrypoint] = inspection
        if cache and inspection.fault is None:
            _write_cache(cache, entrypoint, entrypoints[entrypoint], inspection)
    return {entrypoint: found[entrypoint] for entrypoint in entrypoints}


def _import_all(root: Path, entrypoints: Sequence[str], jobs: int) -> dict[str, Inspection]:
    tasks = [Task("scripts.gitops.inspection:import_entrypoint", (entrypoint,), root) for entrypoint in entrypoints]
    return {
        entrypoints[ended.index]: Inspection(**ended.result)
        if ended.fault is None
        else Inspection(fault=_last_line(ended.fault))
        for ended in run_tasks(tasks, jobs, preload=PRELOAD)
    }


def _last_line(fault: str) -> str:
    lines = LAST_LINE.findall(fault)
    return str(lines[-1]) if lines else fault.strip().splitlines()[-1]


def import_entrypoint(entrypoint: str) -> dict[str, Any]:
    """In a process of its own. Unlike `prefect deploy`, it does not fall back to reading the source."""
    from prefect import Flow  # noqa: PLC0415
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415
    from prefect.utilities.importtools import import_object  # noqa: PLC0415

    flow = import_object(entrypoint)
    if not isinstance(flow, Flow):
        raise TypeError(f"{entrypoint} is no flow but {type(flow).__name__}")
    schema = parameter_schema(flow).model_dump(exclude_unset=True, mode="json")
    return asdict(Inspection(flow.name, flow.description, schema))


def _cache_file(cache: Path, entrypoint: str, version: str) -> Path:
    key = json.dumps([entrypoint, version, sys.version_info[:2]])
    return cache / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.json"


def _read_cache(cache: Path | None, entrypoint: str, version: str) -> Inspection | None:
    if cache is None:
        return None
    try:
        return Inspection(**json.loads(_cache_file(cache, entrypoint, version).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write_cache(cache: Path, entrypoint: str, version: str, inspection: Inspection) -> None:
    path = _cache_file(cache, entrypoint, version)
    part = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError):  # A checkout that cannot be written to is inspected anew each time.
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(asdict(inspection)), encoding="utf-8")
        part.replace(path)
