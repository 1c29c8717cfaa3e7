"""Rows with everything filled in, for tests that care about one column."""

from datetime import UTC, datetime
from typing import Any

from shared.documents import result_key
from shared.ledger import Batch, OutputFile, Receipt

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def new_batch(batch_id: str) -> Batch:
    return Batch(id=batch_id, workflow="w", source="/in", destination="/out", parameters={}, created_at=NOW)


def new_receipt(digest: str = "d" * 64, **changes: Any) -> Receipt:
    depends_on = changes.pop("depends_on", {"revision": 1})
    values: dict[str, Any] = {
        "workflow": "w",
        "digest": digest,
        "result_key": result_key(digest, depends_on),
        "depends_on": depends_on,
        "outcome": "done",
        "reason": None,
        "found": "",
        "facts": {"pages": 1, "words": 2},
        "findings": [],
        "engines": {},
        "core_seconds": 1.0,
        "wall_seconds": 1.0,
        "peak_bytes": 3 * 2**31,
        "batch_id": "b1",
        "fence": 1,
        "created_at": NOW,
    }
    return Receipt(**{**values, **changes})


def new_file(location: str, path: str, role: str = "pdf") -> OutputFile:
    return OutputFile(
        destination="/out", path=path, workflow="w", location=location, role=role, size=2**33, sha256="0" * 64
    )


def new_input(location: str, digest: str | None = "d" * 64) -> dict[str, Any]:
    return {"location": location, "size": 2**40, "mtime_ns": 1_700_000_000_000_000_000, "digest": digest}
