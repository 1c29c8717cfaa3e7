r"""Names of inputs as text that every database, JSON file and terminal can hold, and back again.

A location is a path relative to the batch's source. POSIX names are bytes: what is not UTF-8 is written `\xNN`, and a
backslash is doubled, so that the way back is exact.
"""

import os
import re
from pathlib import PurePosixPath

_ESCAPED = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")


def render_location(path: PurePosixPath | os.PathLike[str]) -> str:
    raw = os.fsencode(path).replace(b"\\", b"\\\\")
    return raw.decode("utf-8", "backslashreplace")


def parse_location(location: str) -> str:
    """The path that `render_location` was given; it may hold surrogates, as every undecodable name in Python does."""
    raw = _ESCAPED.sub(lambda m: bytes.fromhex(m[1].decode()) if m[1] else b"\\", location.encode())
    return os.fsdecode(raw)


def render_for_terminal(location: str) -> str:
    """Control characters made visible: a file name must not be able to clear the operator's screen."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in location)
