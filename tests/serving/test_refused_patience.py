"""How long the connection of who is refused again and again stays open. Time passes when a test says so."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from lightsleeper.api.early_refusal import Refusal
from lightsleeper.serving.door import Door, DoorLimits
from lightsleeper.serving.http_shedding import SheddingProtocol
from wire import TEXT, request, sized

ONE = request(headers=sized(TEXT), body=TEXT)
REFUSAL: Refusal = Refusal(503, b"content-length: 0\r\n", b"", lambda _: REFUSAL)
KEEP_ALIVE_S = 100


class Timers:
    """As much of an event loop as a connection uses."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.made = 0
        self.waiting: list[tuple[float, uuid.UUID, Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now_s

    def create_task(self, answering: Coroutine[Any, Any, None]) -> "Timers.Endless":
        answering.close()
        return self.Endless()

    def call_later(self, seconds: float, ring: Callable[..., None], *told: object) -> "Timers.Handle":
        timer = (self.now_s + seconds, uuid.uuid4(), ring, told)
        self.waiting.append(timer)
        self.made += 1
        return self.Handle(lambda: self.waiting.remove(timer))

    class Endless:
        """A task."""

        def add_done_callback(self, called: Callable[..., None]) -> None:
            pass

    class Handle:
        def __init__(self, cancel: Callable[[], None]) -> None:
            self.cancel = cancel

    def pass_until(self, now_s: float) -> None:
        while self.waiting and (first := min(self.waiting))[0] <= now_s:
            self.waiting.remove(first)
            self.now_s = first[0]
            first[2](*first[3])
        self.now_s = now_s


class Written(asyncio.Transport):
    """A transport to nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = 0
        self.closed = False

    def write(self, data: bytes) -> None:  # type: ignore[override]  # typeshed's is wider
        self.answers += data.startswith(b"HTTP/1.1 503")

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0


def refused_connection(timers: Timers) -> tuple[SheddingProtocol, Written]:
    config = uvicorn.Config(lambda: None, log_config=None, access_log=False, timeout_keep_alive=KEEP_ALIVE_S)
    config.load()
    connection = SheddingProtocol(
        door=Door(DoorLimits()),
        refusals=lambda _: REFUSAL,
        config=config,
        server_state=ServerState(),
        app_state={},
        _loop=timers,
    )
    transport = Written()
    connection.connection_made(transport)
    return connection, transport


def test_it_stays_as_long_after_the_last_refusal_as_after_an_answer() -> None:
    timers = Timers()
    connection, transport = refused_connection(timers)
    for now_s in (0, 60, 90):
        timers.pass_until(now_s)
        connection.data_received(ONE)
    timers.pass_until(90 + KEEP_ALIVE_S - 1)
    assert (transport.answers, transport.closed) == (3, False)
    timers.pass_until(90 + KEEP_ALIVE_S)
    assert transport.closed


def test_refusals_share_a_timer() -> None:
    timers = Timers()
    connection, transport = refused_connection(timers)
    connection.data_received(ONE)
    made = timers.made
    for _ in range(50):
        connection.data_received(ONE)
    assert (transport.answers, timers.made) == (51, made)


def test_who_is_being_answered_after_a_refusal_in_the_same_packet_is_not_left() -> None:
    timers = Timers()
    connection, transport = refused_connection(timers)
    connection.data_received(ONE + request("GET", "/page"))
    assert transport.answers == 1
    assert not connection.cycle.response_complete
    timers.pass_until(2 * KEEP_ALIVE_S)
    assert not transport.closed
