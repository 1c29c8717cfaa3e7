"""The loop of the fork server: forks on order, watches, reports.

It is told of its end by either of two: orders can no longer come, or the run's lifeline is cut. Then, as on its own
death, every child goes with it. A program that leaves both its group and its parent (a daemon) is killed on sight.
"""

import contextlib
import os
import resource
import selectors
import time
from collections.abc import Callable

from shared.sandbox.child import Pipes, live
from shared.sandbox.lifeline import is_cut
from shared.sandbox.protocol import Ending, Event, Failure, Order, render
from shared.sandbox.strays import reap_strays
from shared.sandbox.usage import read_pss
from shared.sandbox.watch import Watched
from shared.tokens import TokenPool
from shared.workflows import Steps

IDLE_SECONDS = 1.0
READ_BYTES = 1 << 16


class ForkServer:
    """`orders`, `events` and `lifeline` are descriptors whose other ends the run holds."""

    def __init__(self, steps: Steps, orders: int, events: int, lifeline: int, tokens: TokenPool | None = None) -> None:
        self._steps = steps
        self._tokens = tokens
        self._orders = orders
        self._events = events
        self._parent_lifeline = lifeline
        self._parent = os.getppid()
        self._own_lifeline, self._own_lifeline_write = os.pipe()
        self._baseline_bytes = read_pss([os.getpid()])
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders, selectors.EVENT_READ, self._read_orders)
        self._selector.register(lifeline, selectors.EVENT_READ)  # Readable when cut: nobody writes.
        self._children: dict[int, Watched] = {}
        self._ended: list[Watched] = []
        self._buffer = b""
        self._has_orders = True

    def serve(self) -> None:
        """Until the run closes the orders, cuts the lifeline, or is gone."""
        while self._is_wanted():
            for key, _ in self._selector.select(self._pause()):
                if key.data is not None:
                    key.data()
            while self._ended:  # Only now: what they printed may have been ready beside them.
                self._end(self._ended.pop())
            reap_strays(self._children)
            for child in self._children.values():
                if child.verdict is None and child.next_look <= time.monotonic():
                    child.sharers = 1 + sum(each.forks for each in self._children.values())
                    child.look()
        self._close()

    def _is_wanted(self) -> bool:
        # A fork of the run that does not exec would hold the lifeline's write end, and the orders', beyond its death.
        return self._has_orders and not is_cut(self._parent_lifeline) and os.getppid() == self._parent

    def _pause(self) -> float:
        now = time.monotonic()
        looks = [child.next_look for child in self._children.values() if child.verdict is None]
        return max(0.0, min([now + IDLE_SECONDS, *looks]) - now)

    def _read_orders(self) -> None:
        chunk = os.read(self._orders, READ_BYTES)
        self._has_orders = bool(chunk)
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        for line in lines:
            self._start(*Order.parse(line))

    def _start(self, number: int, order: Order) -> None:
        with contextlib.ExitStack() as ends:
            try:
                pages, pages_write = _open_pipe(ends)
                noise, noise_write = _open_pipe(ends)
                pipes = Pipes(
                    (self._parent_lifeline, self._own_lifeline), pages_write, noise_write, self._foreign(pages, noise)
                )
                pid = os.fork()
            except OSError as error:
                failure = Failure("transient", f"the host cannot start another process: {error.strerror}")
                self._tell(Ending(number, verdict=failure))
                return
            if pid == 0:
                live(self._steps, order, pipes, self._tokens)
            ends.pop_all()
        os.close(pages_write)
        os.close(noise_write)
        os.setpgid(pid, pid)  # Both sides do it, so that neither has to wait for the other.
        self._watch(Watched(number, order, pid, os.pidfd_open(pid), pages, noise, self._baseline_bytes))

    def _foreign(self, *new: int) -> tuple[int, ...]:
        others = [end for child in self._children.values() for end in (child.pidfd, child.pages_pipe, child.noise_pipe)]
        return (self._own_lifeline_write, self._orders, self._events, self._selector_descriptor(), *others, *new)

    def _selector_descriptor(self) -> int:
        assert isinstance(self._selector, selectors.EpollSelector)
        return self._selector.fileno()

    def _watch(self, child: Watched) -> None:
        self._children[child.pid] = child
        end: Callable[[], None] = lambda: self._ended.append(child)  # noqa: E731
        self._selector.register(child.pidfd, selectors.EVENT_READ, end)
        self._selector.register(child.noise_pipe, selectors.EVENT_READ, lambda: self._read_noise(child))

    def _read_noise(self, child: Watched) -> None:
        if not child.read_noise():
            self._selector.unregister(child.noise_pipe)

    def _end(self, child: Watched) -> None:
        for descriptor in {child.pidfd, child.noise_pipe} & self._selector.get_map().keys():
            self._selector.unregister(descriptor)
        del self._children[child.pid]
        self._tell(child.end())

    def _close(self) -> None:
        for child in list(self._children.values()):
            child.kill()
        for child in list(self._children.values()):
            self._end(child)
        self._emit(Event("closed", core_seconds()))

    def _tell(self, ending: Ending) -> None:
        self._emit(Event("ended", core_seconds(), ending=ending))

    def _emit(self, event: Event) -> None:
        with contextlib.suppress(BrokenPipeError):  # The run may be dead; then nobody asks for the accounts.
            emit(self._events, event)


def emit(descriptor: int, event: Event) -> None:
    os.write(descriptor, render(event))


def core_seconds() -> float:
    """Of this process and all children it has reaped."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _open_pipe(ends: contextlib.ExitStack) -> tuple[int, int]:
    """Non-blocking to read; both ends are closed with the stack."""
    read_end, write_end = os.pipe()
    ends.callback(os.close, read_end)
    ends.callback(os.close, write_end)
    os.set_blocking(read_end, False)
    return read_end, write_end
