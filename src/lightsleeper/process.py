"""Processes as the operating system sees them: when this one began (our first line comes later), what any has used."""

import os
import socket
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

#: Names this process in answers; another one speaks after every wake.
INSTANCE_ID = uuid.uuid4().hex[:12]

_IMPORTED_S = time.monotonic()


def age_s(stat: Path = Path("/proc/self/stat")) -> float:
    """Seconds since this process was started; since this module was imported where the system does not say.

    Field 22 of proc_pid_stat(5) is the start in clock ticks since boot. The second field is the command in
    parentheses and may hold spaces, so fields are counted from the last parenthesis.
    """
    try:
        started_ticks = int(stat.read_text().rpartition(")")[2].split()[19])
    except OSError:
        return time.monotonic() - _IMPORTED_S
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started_ticks / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, all threads, user and system: fields 14 and 15 of proc_pid_stat(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port that nobody listens on, for a process that is about to be started."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Wake:
    """Made at the moment the service is ready to listen."""

    #: Seconds from the start of the process until then.
    took_s: float = field(default_factory=age_s)
    _ready_s: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        """Seconds since the start of the process."""
        return self.took_s + time.monotonic() - self._ready_s
