"""The HTTP server of the Prometheus page: few connections, each for a short while. Knows no metric.

The library's own starts a thread for every connection and waits for its request for ever. Imported with the page.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

#: Several Prometheus servers at once; the next is hung up on and comes again in its interval.
MAX_CONNECTIONS = 8

#: From the connection to the end of the answer, which takes milliseconds; Prometheus itself waits as long by default.
TIMEOUT_S = 10.0


class ScrapeServer(ThreadingMixIn, WSGIServer):
    """Serves a WSGI application in a thread of its own until `close`."""

    daemon_threads = True

    def __init__(self, host: str, port: int, app: Callable[..., Any], *, timeout_s: float = TIMEOUT_S) -> None:
        """Listens at once; OSError if it cannot."""
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._timeout_s = timeout_s
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        super().__init__((host, port), _Handler)
        self.set_app(app)
        self._thread = threading.Thread(target=self.serve_forever, name="scrape", daemon=True)
        self._thread.start()

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # see socketserver
        """See `BaseServer`; called in the accepting thread."""
        if self._slots.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # see socketserver
        """See `ThreadingMixIn`."""
        # A limit for the whole: a time-out of the socket begins anew with every byte.
        end = threading.Timer(self._timeout_s, _hang_up, [request])
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # see socketserver
        """Who hangs up, or is hung up on, needs no traceback in our log."""

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()
        self._thread.join()


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """A scrape every few seconds is no event."""


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # it is over already
        connection.shutdown(socket.SHUT_RDWR)
