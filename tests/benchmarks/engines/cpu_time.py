"""CPU time of all that a contender starts, whoever waits for it."""

import ctypes
import os
import resource
from contextlib import suppress
from threading import Event, Thread
from types import TracebackType
from typing import Self

from peers.processes import descendants, stat_of

#: Whoever is orphaned becomes this process's child (prctl(2)), so that its CPU time is counted here: Ray's servers.
_PR_SET_CHILD_SUBREAPER = 36
_LOOK_S = 0.2


class CpuTime:
    """What all processes that are started meanwhile use.

    The kernel adds a process's time to its parent's when the parent waits for it. Spark's never waits for its workers
    (SIGCHLD ignored: wait(2)), and 15 of 16 seconds were in no account. So it looks, five times a second.
    """

    def __enter__(self) -> Self:
        """Begin."""
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
        self._before_s = _of_children()
        #: What was last seen of each, by its id and the time of its start.
        self._ticks: dict[tuple[int, str], int] = {}
        self._over = Event()
        self._looking = Thread(target=self._look, daemon=True)
        self._looking.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all of them."""
        with suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)
        self._over.set()
        self._looking.join()

    @property
    def seconds(self) -> float:
        """User and system; what came and went between two looks is in the kernel's account alone."""
        return max(sum(self._ticks.values()) / os.sysconf("SC_CLK_TCK"), _of_children() - self._before_s)

    def _look(self) -> None:
        while not self._over.wait(_LOOK_S):
            for pid in descendants():
                if fields := stat_of(pid):
                    self._ticks[pid, fields[19]] = int(fields[11]) + int(fields[12])


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
