"""httptools' parser, and the way past its end at a request that asks for another protocol."""

from collections.abc import Iterable
from typing import Protocol

import httptools

_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Callbacks(Protocol):
    """Whom a parser tells what it reads."""

    def on_message_begin(self) -> None:
        """A head begins."""

    def on_url(self, url: bytes) -> None:
        """A part of the URL."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer."""

    def on_headers_complete(self) -> None:
        """The head is whole."""

    def on_body(self, body: bytes) -> None:
        """A part of the body."""

    def on_message_complete(self) -> None:
        """The request is whole."""


def new_parser(callbacks: Callbacks) -> httptools.HttpRequestParser:
    """A parser at the start of a request."""
    parser = httptools.HttpRequestParser(callbacks)
    # As uvicorn has it: what follows the last request is thrown away, rather than costing that one its answer.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


class AfterHead:
    """Reads on at the body of a request whose head another parser has read.

    httptools takes a request with `Upgrade` for the connection's last one, skips its body, and takes that for the next
    request, whether or not a server offers another protocol; RFC 9110 (7.8) lets it go on as if nothing was asked.
    So a new parser is told where the body ends and goes on from there: no byte is read by both.
    https://github.com/Kludex/uvicorn/issues/2722 and https://github.com/MagicStack/httptools/issues/124
    """

    def __init__(self, callbacks: Callbacks) -> None:
        """`callbacks` have heard of the head already."""
        self._callbacks = callbacks
        self._reached = False
        self.on_body = callbacks.on_body
        self.on_message_complete = callbacks.on_message_complete
        self.parser = new_parser(self)

    def tell_end(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """What the head's `headers` say of it; a request without a body is whole with that."""
        framing = b"".join(b"%b: %b\r\n" % header for header in headers if header[0] in _FRAMING)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n" % framing)
        self._reached = True

    def on_message_begin(self) -> None:
        """See `Callbacks`: of a later request."""
        if self._reached:
            self._callbacks.on_message_begin()

    def on_url(self, url: bytes) -> None:
        """See `Callbacks`."""
        if self._reached:
            self._callbacks.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See `Callbacks`: of a later request, or a trailer of this one."""
        if self._reached:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        """See `Callbacks`."""
        if self._reached:
            self._callbacks.on_headers_complete()
