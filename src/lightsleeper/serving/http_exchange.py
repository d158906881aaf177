"""One request and its answer on a connection, and how the connection ends."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from lightsleeper.errors import BodyTooLarge, LightsleeperError
from lightsleeper.serving.door import UNCOUNTED_BODY_BYTES, Door, DoorLimits
from lightsleeper.serving.http_clock import RequestClock

if TYPE_CHECKING:
    from collections.abc import Sized

    from uvicorn._types import ASGI3Application, ASGIReceiveEvent, ASGISendEvent


#: Of a body that is copied behind its head. A file of the page is the same bytes for everybody who is sent it; a copy
#: of 2 MB for each of 1,000 connections that do not read it is more memory than there is.
_MAX_JOINED_BYTES = 65_536


class RequestCycle(RequestResponseCycle):
    """uvicorn's cycle, whose body is counted and may be refused while it arrives."""

    #: Set by who made it. What follows is of the class until it differs: most bodies come in one piece.
    door: Door
    arrived_bytes = 0
    _counted_bytes = 0
    _refusal: LightsleeperError | None = None
    #: With the framing, since the head's packet; without content, since some came; content at the last packet.
    _sent_bytes = _barren_bytes = _seen_bytes = 0

    def count(self, body_bytes: int) -> None:
        """Note that as many bytes of the body came; Overloaded if that is more than the process may hold."""
        self.arrived_bytes += body_bytes
        if self.arrived_bytes > UNCOUNTED_BODY_BYTES:
            grown_bytes = self.arrived_bytes - UNCOUNTED_BODY_BYTES - self._counted_bytes
            self.door.take_in(grown_bytes)
            self._counted_bytes += grown_bytes

    def check_framing(self, packet_bytes: int, limits: DoorLimits) -> None:
        """Note a packet inside of the body; BodyTooLarge if lengths of chunks, extensions and trailers outgrow it."""
        self._sent_bytes += packet_bytes
        self._barren_bytes = 0 if self.arrived_bytes > self._seen_bytes else self._barren_bytes + packet_bytes
        self._seen_bytes = self.arrived_bytes
        allowed_bytes = limits.max_framing_bytes + (1 + limits.max_framing_share) * self.arrived_bytes
        if self._barren_bytes > limits.max_framing_bytes or self._sent_bytes > allowed_bytes:
            raise BodyTooLarge("the body has more about its chunks than in them", limit=limits.max_framing_bytes)

    def earned_s(self, limits: DoorLimits) -> float:
        """How long the body may have taken so far."""
        return limits.body_grace_s + self.arrived_bytes / limits.min_body_bytes_per_s

    def refuse(self, error: LightsleeperError) -> None:
        """Read no more of the body. The answer is the application's, which learns of it when it asks for more."""
        self._refusal = error
        self.keep_alive = False
        self.body.clear()
        self.message_event.set()

    def release(self) -> None:
        """The body is held no more."""
        self.door.let_go(self._counted_bytes)
        self._counted_bytes = 0

    async def run_asgi(self, app: "ASGI3Application") -> None:
        """See `RequestResponseCycle`."""
        self._app = app
        try:
            await super().run_asgi(self._answer)
        finally:
            self.release()
            # Its traceback holds the frames that hold what was read of the body, and they hold us: refused bodies of
            # 2 MB outlived their requests until a full collection, which a pod of 512 MiB did not live to see.
            self._refusal = None

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  # see ASGI
        try:
            await self._app(scope, receive, send)
        except asyncio.CancelledError:
            # A drain took too long over an answer that its client does not read: no bug, and no half of an answer.
            self.disconnected = True
            self.transport.abort()

    async def receive(self) -> "ASGIReceiveEvent":
        """See ASGI; raises what `refuse` was given."""
        message = await super().receive()
        if self._refusal and message["type"] == "http.request":
            raise self._refusal
        return message

    def send(self, message: "ASGISendEvent") -> "Coroutine[Any, Any, None]":
        """See ASGI. An answer to a request that is still on its way is the connection's last."""
        if not self.response_started:
            if self.more_body:
                self.keep_alive = False
            if self.scope["method"] != "HEAD":  # whose head no body follows
                self.transport.hold_next()  # type: ignore[attr-defined]  # it is a `LingeringTransport`
        return super().send(message)


class OrderedFlow(FlowControl):
    """Reads nothing more while requests wait for the answer to an earlier one, whoever asks for more of its body.

    Nor does the kernel in its place, or hold much of an answer that nobody reads: both are the pod's memory.
    """

    def __init__(self, transport: asyncio.Transport, waiting: "Sized", buffer_bytes: int, clock: RequestClock) -> None:
        """`waiting` is the connection's queue; the kernel buffers `buffer_bytes` of what waits, each way.

        While nothing is read, the client's `clock` stands still: it is we who take the time.
        """
        super().__init__(transport)
        self._clock = clock
        self._waiting = waiting
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._buffer_bytes = buffer_bytes
        self._bound_buffer(socket.SO_SNDBUF)

    def fall_behind(self) -> None:
        """A request begins to wait for the answers to earlier ones."""
        self.pause_reading()
        self._bound_buffer(socket.SO_RCVBUF)  # as long as everything is read, the kernel holds next to nothing

    def pause_reading(self) -> None:
        """See `FlowControl`."""
        super().pause_reading()
        self._clock.pause()

    def resume_reading(self) -> None:
        """See `FlowControl`."""
        if self.read_paused and not self._waiting:
            super().resume_reading()
            self._clock.go_on()

    def _bound_buffer(self, which: int) -> None:
        """https://man7.org/linux/man-pages/man7/socket.7.html."""
        if self._socket is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, which, self._buffer_bytes)


class LingeringTransport:
    """As much of a transport as uvicorn uses; its end is not lost on a client that is still sending.

    A socket that is closed with bytes unread resets the connection, and the reset overtakes the answer. So the write
    side is closed first, and what still comes is thrown away until the client has seen it, for a bounded time.
    https://www.rfc-editor.org/rfc/rfc9112#section-9.6
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        loop: asyncio.AbstractEventLoop,
        linger_s: float,
        may_be_sending: Callable[[], bool],
    ) -> None:
        """`may_be_sending` is asked at the end: whether the client has more to say."""
        self.write: Callable[[bytes], None] = self._write
        self.abort = transport.abort
        #: Whether nothing more may be written; asked for every answer, so it is the socket's own until the end.
        self.is_closing = transport.is_closing
        self.lingering = False
        self._transport = transport
        self._loop = loop
        self._linger_s = linger_s
        self._may_be_sending = may_be_sending
        self._ended = False
        self._look: asyncio.TimerHandle | None = None

    def _write(self, data: bytes) -> None:
        """Unless the connection is gone, of which its requests learn a turn of the loop later: uvloop raises then."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def hold_next(self) -> None:
        """What is written next goes out with what is written after it: a system call is 8 % of a short answer."""
        self.write = self._hold

    def _hold(self, data: bytes) -> None:
        def write_both(more: bytes) -> None:
            self.write = self._write
            if len(more) > _MAX_JOINED_BYTES:
                self._write(data)
                self._write(more)
            else:
                self._write(data + more)

        self.write = write_both

    def watch(self) -> None:
        """From now on the client reads some of what is written in each time to linger, or the connection ends.

        How slowly is its own affair, and others' only once connections are short: then it gives way. The kernel takes
        more in pieces of 40 kB, so it is told from one that reads nothing at 1.5 kB a second.
        """
        if self._look is None:
            unread_bytes = self._transport.get_write_buffer_size()
            self._look = self._loop.call_later(self._linger_s, self._check_reading, unread_bytes)

    def _check_reading(self, unread_bytes: int) -> None:
        self._look = None
        if self._transport.get_write_buffer_size() < unread_bytes:
            self.watch()
        else:
            self._transport.abort()

    def unwatch(self) -> None:
        """Enough was read; unless it is the end, at which all must be."""
        if self._look and not self._ended:
            self._look.cancel()
            self._look = None

    def close(self) -> None:
        """Once all is written; `watch` goes on, and is over a client that goes on sending as well."""
        if self._ended or self._transport.is_closing():
            return
        self.write(b"")  # a head that is held, without what should have followed it
        self._ended = True
        self.watch()
        if self._may_be_sending():
            self.lingering = True
            self.is_closing = lambda: True
            self._transport.write_eof()
            self._transport.resume_reading()
        else:
            self._transport.close()

    def lost(self) -> None:
        """There is nothing left to end."""
        if self._look:
            self._look.cancel()
