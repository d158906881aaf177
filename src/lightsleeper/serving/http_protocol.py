"""uvicorn's HTTP/1.1 protocol over httptools, made fit for strangers.

What it mends: a request that asks for another protocol is read to its end like any other
(https://github.com/Kludex/uvicorn/issues/2722); a message whose end could be read in two ways is refused; everything is
bounded before it is read; a refusal is an answer of the application, in its turn, and reaches who is still sending.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from lightsleeper.api.last_resort import REFUSED
from lightsleeper.errors import HeadTooLarge, LightsleeperError, MalformedRequest, Overloaded, TooSlow
from lightsleeper.serving import http_head
from lightsleeper.serving.door import Door
from lightsleeper.serving.http_clock import RequestClock
from lightsleeper.serving.http_exchange import LingeringTransport, OrderedFlow, RequestCycle
from lightsleeper.serving.http_parser import AfterHead, new_parser


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    transport: LingeringTransport  # type: ignore[assignment]  # as much of one as is used
    flow: OrderedFlow
    cycle: RequestCycle

    def __init__(self, *, door: Door, **theirs: Any) -> None:  # noqa: ANN401  # uvicorn's own, handed through
        """See `HttpToolsProtocol`; `door` is shared by all connections."""
        super().__init__(**theirs)
        self.parser = new_parser(self)
        self._door = door
        self._limits = door.limits
        self._max_headers = door.limits.max_headers
        self._clock = RequestClock(self.loop)
        self._in_head = self._in_body = False
        #: Nothing more is read: the last request was refused, or was whole.
        self._deaf = self._refused = self._draining = False
        #: Bytes since the request began, and of the packet at hand; and its trailers.
        self._request_bytes = self._packet_bytes = self._trailers = 0
        #: What stands before the request that has not begun.
        self._blank = b""
        #: The packet at hand begins with a request's method, or in it, and that request goes on.
        self._in_method = False

    # The transport's calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self.flow = OrderedFlow(transport, self.pipeline, self._limits.socket_buffer_bytes, self._clock)
        self.transport = LingeringTransport(
            transport, loop=self.loop, linger_s=self._limits.linger_s, may_be_sending=self._may_be_sending
        )
        # Until the first byte; who says nothing is told nothing.
        self._clock.start(self._limits.head_timeout_s, self.timeout_keep_alive_handler)
        try:
            self._door.make_room(len(self.connections))
        except Overloaded as error:
            self._refuse(error)
        else:
            self._door.idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._clock.stop()
        self._unset_keepalive_if_required()
        self._door.idle.pop(self, None)
        for waiting, _ in self.pipeline:
            assert isinstance(waiting, RequestCycle)  # noqa: S101  # uvicorn's type is wider
            waiting.release()
        self.transport.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._unset_keepalive_if_required()
        if self._deaf or self.transport.lingering:
            return
        was_in_body = self._in_body
        begins = not (self._in_head or was_in_body or self._request_bytes)
        if begins:
            self._clock.stop()
        self._packet_bytes = len(data)
        self._request_bytes += len(data)
        try:
            if (begins and data[0] in b"\r\n") or self._blank:
                self._blank = http_head.check_beginning(self._blank, data)
            self._in_method = not (was_in_body or (self._in_head and self.url))
            self._feed(data)
            if not self._deaf:
                self._bound_unfinished(was_in_body=was_in_body)
        except LightsleeperError as error:
            self._refuse(error)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`: the client does not read what it is answered."""
        super().pause_writing()
        self._door.idle.setdefault(self)
        self.transport.watch()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        self.transport.unwatch()
        super().resume_writing()
        if self.cycle and not self.cycle.response_complete:
            self._be_busy()

    # The parser's calls. What they raise comes out of `_feed`.

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; or a trailer, which is dropped: it comes after the request was let in by its headers."""
        if self._in_body:
            http_head.check_trailer(name)
            self._trailers += 1
        else:
            name = name.lower()
            if name == b"expect":
                self.expect_100_continue = value.lower() == b"100-continue"
            self.headers.append((name, value))
        if len(self.headers) + self._trailers > self._max_headers:
            raise HeadTooLarge(f"the request has more than {self._max_headers} headers", limit=self._max_headers)

    def on_headers_complete(self) -> None:
        """A head is whole: begin to answer. Raises the error of a request that must not be let in."""
        self._clock.stop()
        self._be_busy()
        limits, version = self._limits, self.parser.get_http_version()
        self.scope["http_version"] = version
        http_head.name_target(self.scope, self.parser.get_method().decode("ascii"), self.url)
        http_head.check_head(version, self.url, self.headers, limits.max_url_bytes)
        if max(self._request_bytes, self._packet_bytes) > limits.max_head_bytes:
            http_head.check_head_size(self.url, self.headers, limits.max_head_bytes)
        if len(self.pipeline) >= limits.max_pipelined:
            raise Overloaded(f"{limits.max_pipelined} requests of this connection wait", limit=limits.max_pipelined)
        self._in_head, self._in_method, self._in_body = False, False, True
        self._trailers = 0
        if version == "1.0":  # knows no interim answer: https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1
            self.expect_100_continue = False
        self._begin(keep_alive=version != "1.0" and self.parser.should_keep_alive())

    def on_body(self, body: bytes) -> None:
        """Some of a body."""
        exchange = self.cycle
        exchange.count(len(body))
        exchange.body += body
        if len(exchange.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        exchange.message_event.set()

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self.parser.should_upgrade():
            return  # httptools says so in place of the body, which `_feed` is about to have read
        self._clock.stop()
        self._be_busy()
        self._in_body, self._request_bytes = False, 0
        self._deaf = not self.cycle.keep_alive
        self.cycle.more_body = False
        self.cycle.message_event.set()

    # The answer's, the server's and the door's calls.

    def on_response_complete(self) -> None:
        """The next request's turn, or none's."""
        super().on_response_complete()
        if self.cycle.response_complete or (self._in_body and not self.pipeline):
            self._door.idle[self] = None

    def shutdown(self) -> None:
        """See `HttpToolsProtocol`: a drain begins. It does not wait for who is only being told off."""
        self._draining = True
        if self.transport.lingering:
            self.connections.discard(self)
        else:
            super().shutdown()

    def give_way(self) -> None:
        """See `Evictable`."""
        self.transport.abort()

    # What they have in common.

    def _feed(self, data: bytes | memoryview) -> None:
        """Parse `data`; MalformedRequest if it is not HTTP, and what the callbacks raise."""
        while data and not self._deaf:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = memoryview(data)[upgrade.args[0] :]
                after_head = AfterHead(self)  # no other protocol is offered: read on
                self.parser = after_head.parser
                after_head.tell_end(self.headers)
                continue
            except httptools.HttpParserCallbackError as error:
                raise error.__context__ or MalformedRequest("the request is not HTTP/1.1") from None
            except httptools.HttpParserInvalidMethodError:
                raise http_head.unknown_method(data, known=self._in_method) from None
            except httptools.HttpParserError as error:
                raise MalformedRequest(f"the request is not HTTP/1.1: {error}") from None
            return

    def _begin(self, *, keep_alive: bool) -> None:
        """Answer the request in `self.scope`, after the earlier ones."""
        before = self.cycle
        self.cycle = RequestCycle(
            scope=self.scope,
            transport=self.transport,  # type: ignore[arg-type]  # as much of one as is used
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )
        self.cycle.door = self._door
        if before is None or before.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.fall_behind()
            self.pipeline.appendleft((self.cycle, self.app))

    def _refuse(self, error: LightsleeperError) -> None:
        """Answer with `error`, after what is owed for earlier requests; whatever else comes is thrown away."""
        self._clock.stop()
        self._deaf = self._refused = True
        if self._in_body:
            self.cycle.refuse(error)
            return
        if not self._in_head:
            super().on_message_begin()
        nowhere: dict[str, Any] = {"method": "GET", "path": "", "raw_path": b"", "query_string": b""}
        self.scope = {**nowhere, **self.scope, REFUSED: error}  # type: ignore[typeddict-item]  # an extra, for the application
        self.expect_100_continue = False
        self._begin(keep_alive=False)
        self.cycle.more_body = False
        self.cycle.message_event.set()

    def _be_busy(self) -> None:
        """It is not the client that is waited for, unless it lets an earlier answer lie."""
        if not self.flow.write_paused:
            self._door.idle.pop(self, None)

    def _may_be_sending(self) -> bool:
        """Whether the client may have more to say than was read."""
        if not (self._in_body or self._refused):
            return False
        if self._draining:
            self.connections.discard(self)  # the drain need not wait for it
        return True

    # Bounds of what is not whole yet.

    def _bound_unfinished(self, *, was_in_body: bool) -> None:
        """A packet was read: the request it ends in has so many bytes, and so much time, to go on."""
        limits = self._limits
        if self._in_body:
            if was_in_body:
                self.cycle.check_framing(self._packet_bytes, limits)
            self._clock.start(limits.body_grace_s, self._check_rate)
            if not self.pipeline:  # else it is an earlier answer that is waited for
                self._door.idle[self] = None
                self._door.idle.move_to_end(self)  # the slowest gives way first
        elif self._in_head or self._request_bytes:
            if self._request_bytes > limits.max_head_bytes:
                raise http_head.too_large(self.url, limits.max_head_bytes, limits.max_url_bytes)
            self._clock.start(limits.head_timeout_s, self._end_slow_head)

    def _end_slow_head(self) -> None:
        limit_s = self._limits.head_timeout_s
        left_s = limit_s if self.flow.read_paused else self._clock.excused_s  # it waits for us, or did
        if left_s > 0:
            self._clock.ring_in(left_s, self._end_slow_head)
        else:
            self._refuse(TooSlow(f"the head took longer than {limit_s:g} s", limit=limit_s))

    def _check_rate(self) -> None:
        """Refuse a body that does not earn its time."""
        limits = self._limits
        earned_s = self.cycle.earned_s(limits) - self._clock.elapsed_s()
        left_s = limits.body_grace_s if self.flow.read_paused else earned_s  # it waits for us
        if left_s > 0:
            self._clock.ring_in(left_s, self._check_rate)
        else:
            rate = limits.min_body_bytes_per_s
            self._refuse(TooSlow(f"the body came more slowly than {rate} bytes a second", limit=rate))
