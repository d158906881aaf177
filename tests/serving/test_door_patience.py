"""How long a head or a body may take to come, and which time is not counted."""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any, Literal

import pytest

from faces import Face
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.http_clock import RequestClock
from lightsleeper.serving.settings import Settings
from slow_app import SlowApp
from wire import LAST, PATIENCE_S, TEXT, answers, connected, is_refusal, request, served, sized, talk


class ClockOfHeads(RequestClock):
    """No time is left for heads that are `late`; for all others there is as much as ever."""

    late: Literal["begun", "not begun"]

    def start(self, seconds: float, ended: Callable[[], None]) -> None:
        now = "not begun" if ended.__name__ == "timeout_keep_alive_handler" else "begun"
        super().start(0 if now == self.late else seconds, ended)


def test_a_head_that_does_not_come_is_a_408(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", ClockOfHeads)
    with served(face(Settings()), DoorLimits(head_timeout_s=PATIENCE_S)) as port:
        ClockOfHeads.late = "not begun"
        assert talk(port) == []  # who says nothing is told nothing
        ClockOfHeads.late = "begun"
        for begun in (b"GET", request("GET", "/livez")[:-2], b"\r\n"):
            [answer] = talk(port, begun)
            is_refusal(answer, 408, "request_too_slow")
        with connected(port) as client:
            client.sendall(request("GET", "/livez"))
            came = b""
            while not came.endswith(b"ok"):
                came += client.recv(999)
            client.sendall(request(headers=sized(TEXT), body=TEXT)[:20])
            [answer] = answers(client)
            is_refusal(answer, 408, "request_too_slow")


@pytest.mark.parametrize("begun", [TEXT[:10], b""])
def test_a_body_that_does_not_come_is_a_408(face: Face, begun: bytes) -> None:
    with served(face(Settings()), DoorLimits(body_grace_s=0.05)) as port:
        [answer] = talk(port, request(headers=sized(TEXT), body=begun))
    is_refusal(answer, 408, "request_too_slow")


def test_a_head_that_waits_for_the_answers_before_it_is_not_late(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    given_time = threading.Event()

    class Clock(ClockOfHeads):
        late = "begun"

        def ring_in(self, seconds: float, ended: Callable[[], None]) -> None:
            super().ring_in(seconds, ended)
            if seconds and ended.__name__ == "_end_slow_head":
                given_time.set()

    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", Clock)
    app = SlowApp(face(Settings()))
    with served(app, DoorLimits(head_timeout_s=PATIENCE_S)) as port, connected(port) as client:
        client.sendall(request("GET", "/livez?slow") + request("GET", "/livez") + LAST[:20])
        assert given_time.wait(PATIENCE_S)
        client.sendall(LAST[20:])
        app.may_answer.set()
        assert [answer.status for answer in answers(client)] == [200, 200, 200]


class ClockOfBodies(RequestClock):
    """Looks at bodies all the time, in which an hour passes when a test says so."""

    looked: threading.Event
    passed_s: float

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._loop, self._real = self, loop  # type: ignore[assignment]  # as much of one as is used

    def time(self) -> float:
        return self._real.time() + self.passed_s

    def call_later(self, seconds: float, ended: Callable[..., None], *args: Any) -> asyncio.TimerHandle:  # noqa: ANN401  # as asyncio has it
        return self._real.call_later(seconds, ended, *args)

    def start(self, seconds: float, ended: Callable[[], None]) -> None:
        super().start(0.001 if ended.__name__ == "_check_rate" else seconds, ended)

    def ring_in(self, seconds: float, ended: Callable[[], None]) -> None:
        super().ring_in(0.001 if ended.__name__ == "_check_rate" else seconds, ended)
        if ended.__name__ == "_check_rate":
            self.looked.set()


def test_a_body_that_waited_for_the_answer_before_it_has_all_its_time(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    ClockOfBodies.looked, ClockOfBodies.passed_s = threading.Event(), 0.0
    monkeypatch.setattr("lightsleeper.serving.http_protocol.RequestClock", ClockOfBodies)
    app = SlowApp(face(Settings()))
    with served(app, DoorLimits(body_grace_s=PATIENCE_S)) as port, connected(port) as client:
        client.sendall(request("GET", "/livez?slow") + request(headers=sized(TEXT), body=TEXT[:20]))
        assert ClockOfBodies.looked.wait(PATIENCE_S)
        ClockOfBodies.passed_s = 3_600.0
        app.may_answer.set()
        came = b""
        while not came.endswith(b"ok"):
            came += client.recv(999)
        for _ in range(20):  # by then the body is read again
            ClockOfBodies.looked.clear()
            assert ClockOfBodies.looked.wait(PATIENCE_S)
        client.sendall(TEXT[20:] + LAST)
        assert [answer.status for answer in answers(client)] == [200, 200]


def test_a_client_that_never_stops_sending_is_cut_off(face: Face) -> None:
    with served(face(Settings()), DoorLimits(linger_s=0.1)) as port, connected(port) as client:
        client.sendall(request(headers="Content-Length: 900000000000"))
        with pytest.raises(ConnectionError):
            send_for_ever(client)


def send_for_ever(client: socket.socket) -> None:
    while True:
        client.sendall(b"x" * 60_000)
