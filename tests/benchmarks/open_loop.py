"""A load that is no limit itself: requests made before, sent and received as plain bytes by one event loop."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

#: Longer than anybody waits, and than the service lets anybody wait.
_TIMEOUT_S = 40.0


@dataclass(frozen=True)
class Answer:
    """One request's fate; status 0 if it got none."""

    status: int
    sent_s: float
    took_s: float


class Connection(asyncio.Protocol):
    """One that is kept, with one request on it at a time."""

    def __init__(self, lost: Callable[["Connection"], None]) -> None:
        """`lost` is told when it has ended, before the answer or after."""
        self._lost = lost
        self._came = b""
        self.answered: Callable[[int], None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # typeshed's is wider
        """See `asyncio.Protocol`."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        came = self._came + data if self._came else data
        head, end, body = came.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            self._came = came
            return
        self._came = b""
        if b"connection: close" in head:
            self.transport.close()
        self.finish(int(head[9:12]))

    def connection_lost(self, _: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._lost(self)
        self.finish(0)

    def finish(self, status: int) -> None:
        """Tell whoever waits for it."""
        answered, self.answered = self.answered, None
        if answered:
            answered(status)


class Connections:
    """As many as are needed at once."""

    def __init__(self, port: int) -> None:
        """To this machine."""
        self._port = port
        self._idle: list[Connection] = []
        self._opening: set[asyncio.Task[None]] = set()

    def ask(self, request: bytes, into: list[Answer]) -> asyncio.Future[Answer]:
        """Send it; its answer is also appended to `into`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        sent_s = time.perf_counter()

        def answered(status: int) -> None:
            answer = Answer(status, sent_s, time.perf_counter() - sent_s)
            into.append(answer)
            if not future.done():
                future.set_result(answer)
            if status and not connection.transport.is_closing():
                self._idle.append(connection)

        if self._idle:
            connection = self._idle.pop()
            connection.answered = answered
            connection.transport.write(request)
        else:
            connection = Connection(self._forget)
            connection.answered = answered
            opening = loop.create_task(self._open(connection, request))
            self._opening.add(opening)
            opening.add_done_callback(self._opening.discard)
        return future

    async def _open(self, connection: Connection, request: bytes) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", self._port)
            connection.transport.write(request)
        except OSError:
            connection.finish(0)

    def _forget(self, connection: Connection) -> None:
        if connection in self._idle:
            self._idle.remove(connection)


async def open_loop(connections: Connections, per_s: float, seconds: float, make: Callable[[], bytes]) -> list[Answer]:
    """A request every 1/`per_s` seconds, whatever becomes of the earlier ones."""
    requests = [make() for _ in range(int(per_s * seconds))]
    answers: list[Answer] = []
    asked: list[asyncio.Future[Answer]] = []
    began_s = time.perf_counter()
    while len(asked) < len(requests):
        due = min(len(requests), 1 + int((time.perf_counter() - began_s) * per_s))
        asked += [connections.ask(request, answers) for request in requests[len(asked) : due]]
        await asyncio.sleep(0.002)
    _, waiting = await asyncio.wait(asked, timeout=_TIMEOUT_S)
    now_s = time.perf_counter()
    return answers + [Answer(0, now_s - _TIMEOUT_S, _TIMEOUT_S) for _ in waiting]


async def closed_loop(
    connections: Connections, in_flight: int, seconds: float, make: Callable[[], bytes]
) -> list[Answer]:
    """So many clients that each wait for their answer."""
    until_s = time.perf_counter() + seconds
    answers: list[Answer] = []

    async def client() -> None:
        while time.perf_counter() < until_s:
            await connections.ask(make(), answers)

    await asyncio.gather(*(client() for _ in range(in_flight)))
    return answers
