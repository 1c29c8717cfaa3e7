"""Pipes that tie a process group to another process: when that one is gone, the kernel kills the group.

No thread has to run and no lock has to be had for it, so it reaches a child that is deep in C code, and the programs
that the child has started. `PDEATHSIG` would reach the child alone.
"""

import fcntl
import os
import select
import signal


def arm_lifeline(read_end: int) -> int:
    """SIGKILL to our whole process group once every write end of the pipe is closed; also where that has happened.

    Closing the descriptor that is returned disarms it.
    """
    # Owner and signal belong to the open file description, which a fork shares: this group needs one of its own.
    descriptor = os.open(f"/proc/self/fd/{read_end}", os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
    if is_cut(descriptor):
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return descriptor


def is_cut(read_end: int) -> bool:
    """True where the pipe has no writer left."""
    poll = select.poll()
    poll.register(read_end, select.POLLIN)
    return any(event & select.POLLHUP for _, event in poll.poll(0))
