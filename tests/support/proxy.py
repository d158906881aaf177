"""A reverse proxy in front of the service: serves it below a path, or wakes it for the first request."""

import http.client
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Proxy:
    """Forwards what comes below `prefix`, without it, to the port that `wake` returns for each request."""

    def __init__(self, wake: Callable[[], int], prefix: str = "") -> None:
        handler = type("Handler", (_Handler,), {"wake": staticmethod(wake), "prefix": prefix})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.url = f"http://127.0.0.1:{self._server.server_port}{prefix}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    wake: Callable[[], int]
    prefix: str

    def do_GET(self) -> None:  # http.server's name
        self._forward()

    def do_POST(self) -> None:  # http.server's name
        self._forward()

    def log_message(self, *_: object) -> None:
        pass

    def _forward(self) -> None:
        if not self.path.startswith(f"{self.prefix}/"):
            self.send_error(404)
            return
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        upstream = http.client.HTTPConnection("127.0.0.1", self.wake(), timeout=60)
        upstream.request(self.command, self.path.removeprefix(self.prefix), body, dict(self.headers))
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"transfer-encoding", "connection", "date"}:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
