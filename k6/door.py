"""What Knative puts in front of a service, reduced to what the load tests ask of it.

One address that stays, whatever runs behind it: it wakes the service for the first connection while nothing runs
(the activator's part), and sends new connections to a new process before the old one is told to end (a roll-out).
"""

import asyncio
import contextlib
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable

from processes import CannotRun, Service

#: What has been passed on, the old process has accepted after this; Knative waits 30 s of silence instead.
SETTLE_S = 0.1

#: Longer than requests are apart while there is traffic.
REQUEST_TIMEOUT_S = 60.0


class Door:
    """A TCP proxy on a loopback port."""

    def __init__(self, start: Callable[[], Awaitable[Service]]) -> None:
        """`start` returns a service that listens."""
        self._start = start
        self._service: Service | None = None
        self._waking = asyncio.Lock()
        self._arrived = asyncio.Event()
        #: asyncio itself holds its tasks weakly.
        self._connections: set[asyncio.Task[None]] = set()
        self._replacements = 0

    async def open(self) -> int:
        """Accept connections; the port."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Accept no more, and end what runs."""
        self._server.close()
        await self.sleep()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def sleep(self) -> dict[str, float]:
        """As a service scaled to zero: nothing runs until the next connection."""
        service, self._service = self._service, None
        return {"exit_status": await service.stop() if service else 0}

    async def replace(self) -> dict[str, float]:
        """New process up, new connections to it, then SIGTERM to the old one while it still answers requests."""
        old, new = await self._awake(), await self._start()
        try:
            await self._next_request()  # so that the old process has one in its hands
        except BaseException:
            await new.stop()
            raise
        self._service = new
        await asyncio.sleep(SETTLE_S)
        in_flight, began_s = old.connections, time.perf_counter()
        exit_status = await old.stop()
        self._replacements += 1
        return {
            "in_flight": in_flight,
            "exit_status": exit_status,
            "drain_ms": (time.perf_counter() - began_s) * 1e3,
        }

    async def count_replacements(self) -> dict[str, float]:
        """How often `replace` has ended an old process."""
        return {"count": self._replacements}

    async def _next_request(self) -> None:
        self._arrived.clear()
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                await self._arrived.wait()
        except TimeoutError:
            raise CannotRun(f"no request in {REQUEST_TIMEOUT_S:g} s: the traffic has ended") from None

    async def _awake(self) -> Service:
        async with self._waking:
            if not self._service:
                self._service = await self._start()
            return self._service

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        connection = asyncio.create_task(self._pass_on(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _pass_on(self, reader: StreamReader, writer: StreamWriter) -> None:
        """One connection, to whichever process is current when it arrives."""
        with contextlib.suppress(CannotRun), contextlib.closing(writer):
            service = await self._awake()
            service.connections += 1
            self._arrived.set()
            try:
                await _relay(reader, writer, service.port)
            finally:
                service.connections -= 1


async def _relay(reader: StreamReader, writer: StreamWriter, port: int) -> None:
    with contextlib.suppress(OSError):
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(behind_writer):
            asking = asyncio.create_task(_copy(reader, behind_writer))
            try:
                await _copy(behind_reader, writer)
            finally:
                asking.cancel()


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
