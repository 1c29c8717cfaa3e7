"""The part of `uv.lock` that one workflow's image installs."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.errors import ConfigError


@dataclass(frozen=True)
class Lock:
    """The packages of a lock by name; more than one of a name where platforms differ."""

    packages: Mapping[str, tuple[Mapping[str, Any], ...]]
    project: Mapping[str, Any]

    def version_of(self, package: str) -> str:
        """Empty where it is not locked."""
        return next((str(each.get("version")) for each in self.packages.get(package, ())), "")

    def slice_for(self, workflow: str) -> dict[str, str]:
        """`name` -> `version source` of all that the project and the workflow's group need, whatever the platform."""
        groups = self.project.get("dev-dependencies", {})
        own = groups.get(workflow.replace("_", "-"), [])
        return self._close([*self.project.get("dependencies", []), *own])

    def _close(self, wanted: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        found: dict[str, str] = {}
        waiting = [(need["name"], extra) for need in wanted for extra in (None, *need.get("extra", ()))]
        seen = set(waiting)
        while waiting:
            name, extra = waiting.pop()
            for package in self.packages.get(name, ()):
                versions = [f"{each.get('version')} {_source(each)}" for each in self.packages[name]]
                found[name] = ", ".join(sorted(versions))
                needs = (
                    package.get("optional-dependencies", {}).get(extra, ())
                    if extra
                    else package.get("dependencies", ())
                )
                fresh = {(need["name"], one) for need in needs for one in (None, *need.get("extra", ()))} - seen
                seen |= fresh
                waiting += fresh
        return found


def _source(package: Mapping[str, Any]) -> str:
    return ",".join(f"{kind}={where}" for kind, where in sorted(package["source"].items()))


def read_lock(root: Path) -> Lock:
    """Raises ConfigError."""
    path = root / "uv.lock"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        packages: dict[str, tuple[Mapping[str, Any], ...]] = {}
        for package in content["package"]:
            packages[package["name"]] = (*packages.get(package["name"], ()), package)
        project = next(package for package in content["package"] if package["source"].keys() & {"editable", "virtual"})
    except FileNotFoundError as error:
        raise ConfigError(f"{path} is missing: run uv lock, and commit what it writes") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, StopIteration) as error:
        raise ConfigError(f"{path} cannot be read ({error!r}); run uv lock anew") from error
    return Lock(packages, project)
