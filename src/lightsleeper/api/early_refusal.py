"""The shortest way to say that the queue is full: what the door's middleware would answer, without going through it.

Ten times more requests than can be answered are nine refusals to an answer, so what a refusal costs is taken from the
answers. Through the middleware one takes 134 µs of CPU without the socket, the way here 49, and for a head that was
refused before (`serving.refused_heads`) 22 (medians of 3 in turns, no metrics). It decides nothing: who may wait is
`pipeline.admission`'s to say, how that is worded `refusals`'; and whatever is unusual takes the long way.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.types import ASGIApp, Message, Scope

from lightsleeper.api.asgi import Response
from lightsleeper.api.client import client_of
from lightsleeper.api.guard import API_HEADERS, Guard, request_id
from lightsleeper.api.identify import identify
from lightsleeper.api.load_shedding import declared_bytes
from lightsleeper.api.refusals import refuse
from lightsleeper.errors import Overloaded
from lightsleeper.telemetry.request_metrics import DIALECT

if TYPE_CHECKING:
    from lightsleeper.api.predict_request import Limits
    from lightsleeper.pipeline.admission import Admission
    from lightsleeper.telemetry.metrics import Metrics

#: A page of another origin is told more than others (CORS); who asks for an interim answer has sent no body yet.
_LONG_WAY = frozenset({b"origin", b"expect"})
#: Half a megabyte of clients; asking uvicorn's middleware takes as long as all else here.
_MAX_MET = 1_000
_MAX_SAID_BYTES = 200
#: Refusals differ by a dialect and a few seconds.
_MAX_WORDED = 64


class Refusal(NamedTuple):
    """An answer without what the server adds: its date, and whether the connection ends."""

    status: int
    #: Lines, each with its end.
    headers: bytes
    body: bytes
    #: What is said of another one with that very head but for the length of its body, from the same peer.
    again: "Callable[[int], Refusal | None]"


class EarlyRefusals:
    """Asked as soon as a head was read; one for all connections."""

    def __init__(
        self, guard: Guard | None, proxies: ASGIApp, around: Callable[[ASGIApp], ASGIApp], root_path: str
    ) -> None:
        """`guard` where keys are set, `proxies` who says what trusted ones say of a client, `around` who adds headers.

        The last two are middleware, which waits for nothing. The service lies below `root_path`.
        """
        self._root_path = root_path
        self._guard = guard
        self._proxies = proxies
        self._around = around
        self._worded: dict[tuple[object, ...], tuple[int, bytes, bytes]] = {}
        #: Client and scheme, by what the last peers and the proxies before them said.
        self._met: dict[tuple[object, ...], tuple[tuple[str, int], str]] = {}

    def __call__(self, scope: Scope) -> Refusal | None:
        """The refusal of this request, counted; None if it may wait, or if that takes more to find out."""
        if scope["method"] != "POST" or not scope["state"]["admission"].crowded:
            return None
        asked = {**scope, "root_path": self._root_path}
        if not self._is_usual(asked):
            return None
        asked[DIALECT] = identify(asked)
        client, body_bytes = client_of(asked), declared_bytes(asked["headers"])
        refusal = self._refusal(asked, client, body_bytes)
        if refusal is None:
            _announce(asked["state"], client, body_bytes)
        return refusal

    def _refusal(self, asked: Scope, client: str, body_bytes: int) -> Refusal | None:
        started_s = time.perf_counter()
        state = asked["state"]
        limits: Limits = state["limits"]
        if body_bytes > limits.max_body_bytes:  # which is told about that
            return None
        admission: Admission = state["admission"]
        error = admission.refusal(client, admission.expected_cost(body_bytes))
        if error is None:
            return None
        status, headers, body = self._word(asked, error)
        metrics: Metrics | None = state["metrics"]
        if metrics:
            metrics.request_began()
            took_s = time.perf_counter() - started_s
            scheme, dialect = asked["scheme"], asked[DIALECT]
            metrics.request_ended("POST", scheme, status, None, error=error.code, dialect=dialect, duration_s=took_s)
        named = b"%bx-request-id: %b\r\n" % (headers, request_id(asked))
        # Without the headers, of which one may be a key: that they are the same is all that matters from here on.
        again = {**asked, "headers": ()} if asked["headers"] else asked
        return Refusal(status, named, body, partial(self._refusal, again, client))

    def _is_usual(self, asked: Scope) -> bool:
        """Whether it may be refused here. Who asks is known after that."""
        headers = asked["headers"]
        named = dict(headers)
        if len(named) != len(headers) or not named.keys().isdisjoint(_LONG_WAY):
            return False
        self._meet(asked, named.get(b"x-forwarded-for", b""), named.get(b"x-forwarded-proto", b""))
        if self._guard:
            key_id = self._guard.key_id(headers)
            asked["state"] = {**asked["state"], "key_id": key_id}
            return key_id is not None
        return True

    def _meet(self, asked: Scope, forwarded_for: bytes, proto: bytes) -> None:
        peer = asked["client"]
        said = (peer and peer[0], asked["scheme"], forwarded_for, proto)
        met = self._met.get(said)
        if met is None:
            _run(self._proxies(asked, _never, _never))
            met = asked["client"], asked["scheme"]
            if len(forwarded_for) + len(proto) <= _MAX_SAID_BYTES:
                if len(self._met) >= _MAX_MET:
                    self._met.clear()
                self._met[said] = met
        asked["client"], asked["scheme"] = met

    def _word(self, asked: Scope, error: Overloaded) -> tuple[int, bytes, bytes]:
        """Status, lines of headers and body."""
        key = (asked[DIALECT], error.message, error.limit, error.retry_after_s)
        worded = self._worded.get(key)
        if worded is None:
            worded = self._as_bytes(asked, refuse(asked, error))
            if len(self._worded) >= _MAX_WORDED:
                self._worded.clear()
            self._worded[key] = worded
        return worded

    def _as_bytes(self, asked: Scope, response: Response) -> tuple[int, bytes, bytes]:
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        _run(self._around(response)(asked, _never, send))
        start, body = sent
        lines = [b"%b: %b\r\n" % header for header in (*start["headers"], *API_HEADERS)]
        return start["status"], b"".join(lines), body["body"]


def _announce(state: "Mapping[str, Any]", client: str, body_bytes: int) -> None:
    """Count who is let in until its application runs, a turn of the event loop later.

    All that came meanwhile is decided about before that: each found the same room, and those for whom there was none
    learnt it from the middleware, an eighth of all. At ten times the capacity of a busy core 283 of 18,000 were
    answered and p99 of the refusals was 1 s; counted, 962 and 0.1 s (medians of 3 in turns).
    """
    admission: Admission = state["admission"]
    asyncio.get_running_loop().call_soon(admission.announce(client, admission.expected_cost(body_bytes)))


def _run(middleware: Any) -> None:  # noqa: ANN401  # `Awaitable`, as ASGI has it, is more than can be sent to
    with suppress(StopIteration):
        middleware.send(None)


async def _never(*_: object) -> Any:  # noqa: ANN401  # see ASGI
    """Nobody asks for a body, nor answers, here."""
