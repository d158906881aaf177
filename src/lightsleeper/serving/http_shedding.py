"""The protocol of a service that may be overloaded: who must be refused is refused before an application is asked."""

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
        #: More of them in one packet wait their turn: nothing bounds what is written before the packet is read.
        self._first = True

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._first = True
        super().data_received(data)
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
        self._in_body = False
        self._request_bytes = 0
        self._send_refusal(b"\r\n")
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _begin(self, *, keep_alive: bool) -> None:
        if keep_alive and self._first and self._answers_at_once():
            self._first = False
            self._refusal = self._refusals(self.scope)  # type: ignore[arg-type]  # uvicorn has a stricter type for it
        if not self._refusal:
            super()._begin(keep_alive=keep_alive)

    def _answers_at_once(self) -> bool:
        """Whether no earlier answer is owed, and what is written now is neither logged nor held up."""
        owes = self.cycle is not None and not self.cycle.response_complete
        return not (owes or self._draining or self.access_log or self.flow.write_paused or self.parser.should_upgrade())

    def _send_refusal(self, end: bytes) -> None:
        status, headers, body = self._refusal or (0, b"", b"")
        self._refusal = None
        theirs = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        self.transport.write(b"".join([STATUS_LINE[status], *theirs, headers, end, body]))
        self.server_state.total_requests += 1
        self._door.idle[self] = None

    def _refuse(self, error: LightsleeperError) -> None:
        if not self._refusal:  # else it has its answer, whatever is wrong with the rest of it
            super()._refuse(error)
