"""Core tokens: one pool per host and user, so that two runs at once do not fork twice the cores."""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import ConfigError

POLL_SECONDS = 0.01


@dataclass(frozen=True)
class TokenPool:
    """One file per core. Who holds its lock may keep one core busy; the kernel frees the tokens of the dead."""

    folder: Path
    count: int

    def prepare(self) -> None:
        """Create the folder; ConfigError where it is another user's, who could keep us waiting for ever."""
        with contextlib.suppress(FileExistsError):
            self.folder.mkdir(mode=0o700, parents=True)
        status = self.folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
            raise ConfigError(f"{self.folder} is not a folder of ours: name another one by MAILROOM_TOKENS")

    @contextlib.contextmanager
    def hold(self, check_wanted: Callable[[], None]) -> Iterator[None]:
        """Wait for a token and keep it; `check_wanted` is called meanwhile and may raise."""
        while (token := self.try_take()) is None:
            check_wanted()
            time.sleep(POLL_SECONDS)
        try:
            yield
        finally:
            os.close(token)

    def try_take(self) -> int | None:
        """A descriptor that holds a token until its last copy is closed; None while all cores are taken."""
        for number in range(self.count):
            descriptor = self._open(number)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
            else:
                return descriptor
        return None

    def _open(self, number: int) -> int:
        path, flags = self.folder / f"core-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:  # Whoever cleans temporary folders has taken ours.
            self.prepare()
            return os.open(path, flags, 0o600)
