"""The processes a load test needs on this machine: the service and a Redis. Each listens on a free loopback port."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

#: A cold start with no bytecode on a busy machine takes a few seconds; beyond this nothing is coming.
START_TIMEOUT_S = 120.0


class CannotRun(Exception):
    """Why there is nothing to measure, in one line."""


class Service:
    """One process of lightsleeper, listening."""

    def __init__(self, process: Process, port: int) -> None:
        """Use `start`."""
        self._process = process
        self.port = port
        #: Connections that the door has passed on and that are still open.
        self.connections = 0

    @classmethod
    async def start(cls, settings: Mapping[str, str], log: Path) -> "Service":
        """Started with `settings` added to the environment; returns once it listens. Its output goes to `log`."""
        port = free_port()
        environment = {**os.environ, **settings, "PORT": str(port), "LIGHTSLEEPER_HOST": "127.0.0.1"}
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "lightsleeper", "serve"), env=environment, stdout=output, stderr=output
            )
        try:
            await listening(process, port, "the service")
        except CannotRun as reason:
            raise CannotRun(f"{reason}: {_last_line(log)}") from None
        return cls(process, port)

    async def memory(self) -> dict[str, float]:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return {"memory_mib": pages * os.sysconf("SC_PAGE_SIZE") / 2**20}

    async def stop(self) -> int:
        """SIGTERM; the exit status once it is gone."""
        return await _end(self._process, signal.SIGTERM)


class Redis:
    """A Redis that forgets everything when killed, and comes back on the same port."""

    def __init__(self, binary: str) -> None:
        """`start` it next."""
        self._binary = binary
        self._port = free_port()
        self._process: Process | None = None

    @property
    def url(self) -> str:
        """Where it listens, when it does."""
        return f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> None:
        """Returns once it listens."""
        options = ("--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        self._process = await asyncio.create_subprocess_exec(
            self._binary, *options, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        await listening(self._process, self._port, "redis-server")

    async def keys(self) -> dict[str, float]:
        """How many entries it holds: what the service has written there since it started."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"DBSIZE\r\n")
        with contextlib.closing(writer):
            return {"keys": int((await reader.readline()).removeprefix(b":"))}

    async def kill(self) -> None:
        """SIGKILL: connections break without a word."""
        if self._process and self._process.returncode is None:
            await _end(self._process, signal.SIGKILL)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listening(process: Process, port: int, name: str) -> None:
    """Return once `port` accepts; CannotRun if the process ends first or takes too long."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        if process.returncode is not None:
            raise CannotRun(f"{name} ended with status {process.returncode} before it listened")
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.005)
    await _end(process, signal.SIGKILL)
    raise CannotRun(f"{name} did not listen within {START_TIMEOUT_S:g} s")


async def _end(process: Process, number: signal.Signals) -> int:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
    return await process.wait()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
