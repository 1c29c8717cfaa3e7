"""Orphans among the descendants of children: the server is their subreaper, and they become its children."""

import os
import signal
from collections.abc import Mapping

from shared.sandbox.usage import read_children
from shared.sandbox.watch import Watched


def reap_strays(children: Mapping[int, Watched]) -> None:
    """Book each orphan on the child whose group it is in, and kill those that are in none."""
    for pid in set(read_children(os.getpid())) - set(children):
        child = children.get(os.getpgid(pid))
        if child is None:
            os.kill(pid, signal.SIGKILL)
        else:
            child.orphans.add(pid)
        reaped, _, used = os.wait4(pid, os.WNOHANG)
        if reaped and child is not None:
            child.orphans.discard(pid)
            child.take_reaped(used.ru_utime + used.ru_stime)
