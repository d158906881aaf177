"""The protocol of a service that may be overloaded: who must be refused is refused before an application is asked."""

import math
from collections.abc import Callable
from typing import Any

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from lightsleeper.api.early_refusal import Refusal
from lightsleeper.errors import LightsleeperError
from lightsleeper.serving.http_protocol import HttpProtocol


class SheddingProtocol(HttpProtocol):
    """One connection."""

    def __init__(self, *, refusals: Callable[[Scope], Refusal | None], **theirs: Any) -> None:  # noqa: ANN401  # see `HttpProtocol`
        """See `HttpProtocol`; `refusals` says of a request that has just begun whether it is refused."""
        super().__init__(**theirs)
        #: uvicorn logs also where nobody wants it, if somebody listens.
        self.access_log = self.access_log and self.config.access_log
        self._refusals = refusals
        #: Of the request at hand, whose body is not whole yet.
        self._refusal: Refusal | None = None
        #: What decides about the same request again, while it is the last that was read.
        self._again: Callable[[int], Refusal | None] | None = None
        #: When the last one was told no.
        self._refused_s = -math.inf
        #: More of them in one packet wait their turn: nothing bounds what is written before the packet is read.
        self._first = True

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        begins = not (self._in_head or self._in_body or self._request_bytes or self._deaf)
        if begins and self._is_refused_again(data):
            return
        self._first = True
        super().data_received(data)
        again, self._again = self._again, None
        if begins and again and not self._in_head:  # the packet was that request and nothing else
            self._door.refused_heads.note(self._peer(), data, self.headers, again)
        if self._refusal:  # of a request that is still on its way: the connection's last
            self._deaf = True
            self._clock.stop()
            self._send_refusal(b"connection: close\r\n\r\n")
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """See `HttpProtocol`; who is refused is not read."""
        if not self._refusal:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """See `HttpProtocol`."""
        if not self._refusal:
            super().on_message_complete()
            return
        self._again = self._refusal.again
        self._in_body = False
        self._request_bytes = 0
        self._send_refusal(b"\r\n")
        self._keep_alive()

    def _is_refused_again(self, packet: bytes) -> bool:
        """Whether `packet` is a whole request that needed no parser to be refused."""
        heads = self._door.refused_heads
        if not heads or self.transport.lingering or not self._answers_at_once():
            return False
        self._refusal = heads.refusal(self._peer(), packet)
        if not self._refusal:
            return False
        self._clock.stop()
        self._door.idle.pop(self, None)
        self._send_refusal(b"\r\n")
        self._keep_alive()
        return True

    def _peer(self) -> str:
        return self.client[0] if self.client else ""

    def _keep_alive(self) -> None:
        self._refused_s = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._ring_in(self.timeout_keep_alive)

    def _ring_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def timeout_keep_alive_handler(self) -> None:
        """See `HttpToolsProtocol`. Who was refused since has the rest of its time.

        A timer for each, and a copy of its scope, were a tenth of what a refusal costs (54 µs and 51, 3 in turns).
        """
        left_s = self._refused_s + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self._ring_in(left_s)
        else:
            super().timeout_keep_alive_handler()

    def _begin(self, *, keep_alive: bool) -> None:
        first, self._first, self._again = self._first, False, None
        if keep_alive and first and self._answers_at_once():
            self._refusal = self._refusals(self.scope)  # type: ignore[arg-type]  # uvicorn has a stricter type for it
        if not self._refusal:
            self._unset_keepalive_if_required()  # which a refusal in the same packet has set
            super()._begin(keep_alive=keep_alive)

    def _answers_at_once(self) -> bool:
        """Whether no earlier answer is owed, and what is written now is neither logged nor held up."""
        owes = self.cycle is not None and not self.cycle.response_complete
        return not (owes or self._draining or self.access_log or self.flow.write_paused or self.parser.should_upgrade())

    def _send_refusal(self, end: bytes) -> None:
        assert self._refusal  # noqa: S101  # else nobody calls
        status, headers, body, _ = self._refusal
        self._refusal = None
        theirs = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(b"".join([STATUS_LINE[status], *theirs, headers, end, body]))
        self.server_state.total_requests += 1
        self._door.idle[self] = None

    def _refuse(self, error: LightsleeperError) -> None:
        if not self._refusal:  # else it has its answer, whatever is wrong with the rest of it
            super()._refuse(error)
