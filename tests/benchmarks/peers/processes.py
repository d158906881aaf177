"""A server and all that it starts: begun on some cores, measured by /proc, ended with nothing left."""

import ctypes
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

#: Whoever is orphaned becomes this process's child (prctl(2)), so that it is counted and ended: Ray's servers.
_PR_SET_CHILD_SUBREAPER = 36
#: vLLM takes minutes on two cores.
_START_TIMEOUT_S = 300
_END_TIMEOUT_S = 20


@dataclass(frozen=True)
class Request:
    """What a server is asked until it answers."""

    port: int
    path: str
    body: bytes


@dataclass(frozen=True)
class Running:
    """A server that has answered."""

    port: int
    #: Seconds from exec until its first answer.
    wake_s: float
    #: What this process had started before.
    others: frozenset[int]

    def cpu_s(self) -> float:
        """CPU seconds of its processes so far, those that have ended and were waited for included."""
        ticks = sum(sum(map(int, fields[11:15])) for fields in map(stat_of, descendants() - self.others) if fields)
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident_mb(self) -> float:
        """Resident memory in MB; a page that several processes share counts once."""
        return sum(_proportional_kb(pid) for pid in descendants() - self.others) * 1024 / 1e6


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], *, first: Request, cores: Sequence[int], log: Path
) -> Iterator[Running]:
    """Start `command` on `cores`, its output in `log`; RuntimeError if it never answers `first`."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    own, others = os.sched_getaffinity(0), descendants()
    os.sched_setaffinity(0, cores)  # inherited
    started_s = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=output, stderr=output)
    os.sched_setaffinity(0, own)
    try:
        _first_answer(process, first, log)
        yield Running(first.port, time.perf_counter() - started_s, others)
    finally:
        _end(process, others)
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 0)


def descendants() -> frozenset[int]:
    """All processes that this one started and theirs."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := stat_of(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = [os.getpid()]
    while waiting:
        theirs = children.get(waiting.pop(), [])
        found += theirs
        waiting += theirs
    return frozenset(found)


def stat_of(pid: int) -> list[str]:
    """Fields of proc_pidstat_of(5) from the third, the state, on; none if the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _proportional_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _first_answer(process: "subprocess.Popen[bytes]", first: Request, log: Path) -> None:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{first.port}{first.path}", data=first.body, headers=headers)
    ends_s = time.perf_counter() + _START_TIMEOUT_S
    reason = "did not answer"
    while time.perf_counter() < ends_s:
        if process.poll() is not None:
            raise RuntimeError(f"ended with status {process.returncode}: {last_line(log)}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                answer.read()
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as refusal:
            reason = str(refusal)
            time.sleep(0.01)
    raise RuntimeError(f"{reason}, {_START_TIMEOUT_S} s after its start: {last_line(log)}")


def last_line(log: Path) -> str:
    """The last line that says something, cut to what a table can show."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    return next((line.strip()[:300] for line in reversed(lines) if line.strip()), "no word in its log")


def _end(process: "subprocess.Popen[bytes]", others: frozenset[int]) -> None:
    """SIGTERM, then SIGKILL for what it leaves behind; wait for all of it."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_TIMEOUT_S)
    while left := _alive(process, others):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _alive(process: "subprocess.Popen[bytes]", others: frozenset[int]) -> frozenset[int]:
    """Its processes that have not ended; those that have are waited for."""
    process.poll()
    for pid in descendants() - others - {process.pid}:
        with suppress(ChildProcessError):  # not ours to wait for, but its parent's
            os.waitpid(pid, os.WNOHANG)
    return descendants() - others
