"""Threads for what takes long, so that nobody waits for it."""

import os
import sys
import threading
from contextlib import suppress

#: A step: a thread's weight is 335 beside 1,024, and while both want the CPU it gets a quarter
#: (https://man7.org/linux/man-pages/man7/sched.7.html).
_NICENESS = 5


def stand_back(steps: int = 1) -> None:
    """From now on the kernel gives the CPU to the process's other threads first; calling it needs no privilege.

    On Linux only: elsewhere a priority is that of the whole process, and all threads stay alike.
    """
    if sys.platform == "linux":
        with suppress(OSError):  # a sandbox that has no such thing
            thread = threading.get_native_id()
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + steps * _NICENESS)
