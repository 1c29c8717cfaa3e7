"""Base images by digest: a tag can be moved, a digest cannot. Never one that a registry did not say."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.gitops.registry import find_digest
from shared.errors import ConfigError

PLACES = {
    Path("Dockerfile"): re.compile(r"^(FROM )([\w./-]+:[\w.-]+)(@sha256:[0-9a-f]{64})?(?= AS )", re.MULTILINE),
    Path("infrastructure/compose.yaml"): re.compile(
        r"^(\s+image: )([a-z][\w./:-]+?)(@sha256:[0-9a-f]{64})?$", re.MULTILINE
    ),
}
Tell = Callable[[str], None]


def pin(root: Path, names: Sequence[str], mirror: str | None, tell: Tell) -> list[str]:
    """Writes the digest beside each exact tag; the names of those that no registry knows. Raises ConfigError.

    `names`: only these. `mirror`: a registry that stands in for the default one, Docker Hub.
    """
    failed: list[str] = []
    known: dict[str, str | None] = {}
    for place, pattern in PLACES.items():
        path = root / place
        before = path.read_text(encoding="utf-8")
        after = pattern.sub(lambda found: _pin_one(found, names, mirror, known), before)
        if after != before:
            path.write_text(after, encoding="utf-8")
    for name, digest in sorted(known.items()):
        tell(f"{name}  {digest or 'no registry that is reached from here knows it'}")
        if digest is None:
            failed.append(name)
    if unknown := sorted(set(names) - set(known)):
        raise ConfigError(f"{unknown[0]} is named in none of {', '.join(map(str, PLACES))}")
    return failed


def _pin_one(found: re.Match[str], names: Sequence[str], mirror: str | None, known: dict[str, str | None]) -> str:
    before, name, pinned = found[1], found[2], found[3] or ""
    if names and name not in names:
        return found[0]
    if name not in known:
        known[name] = _ask(name, mirror)
    digest = known[name]
    return f"{before}{name}{f'@{digest}' if digest else pinned}"


def _ask(name: str, mirror: str | None) -> str | None:
    is_default = "." not in name.partition("/")[0] and ":" not in name.partition("/")[0]
    if mirror and ("/" not in name or is_default):
        name = f"{mirror}/{name}" if "/" in name else f"{mirror}/library/{name}"
    try:
        return find_digest(name)
    except ConfigError:
        return None
