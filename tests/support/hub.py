"""A model hub on this machine: as much of the hub's protocol as its own client asks for."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Has the files of `folder` as the model `model_id`, and remembers which it gave out."""

    def __init__(self, model_id: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model_id = model_id
        self.folder = folder
        self.given: list[str] = []
        #: The code of the error that every file is refused with; empty: none is.
        self.refuses_files = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serve_hub(model_id: str, folder: Path) -> Iterator[Hub]:
    """A hub that answers until the block ends."""
    with Hub(model_id, folder) as hub:
        thread = Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        api = f"/api/models/{self.server.model_id}/"
        if self.path.rstrip("/") == api.rstrip("/"):
            self._answer_about("revision", "main")
        elif self.path.startswith("/api/") and not self.path.startswith(api):
            self._refuse("RepoNotFound")
        elif self.path.startswith("/api/"):
            self._answer_about(*self.path.removeprefix(api).partition("?")[0].split("/"))
        else:
            self._answer_file()

    def do_HEAD(self) -> None:
        self._answer_file()

    def _answer_about(self, what: str, revision: str) -> None:
        files = [path for path in self.server.folder.iterdir() if path.is_file()]
        if revision not in {"main", COMMIT}:
            self._refuse("RevisionNotFound")
        elif what == "tree":
            self._send_json(
                [{"type": "file", "path": path.name, "size": path.stat().st_size, "oid": "0"} for path in files]
            )
        else:
            siblings = [{"rfilename": path.name} for path in files]
            self._send_json({"id": self.server.model_id, "sha": COMMIT, "siblings": siblings})

    def _answer_file(self) -> None:
        if self.server.refuses_files:
            self._refuse(self.server.refuses_files, 403)
            return
        name = self.path.removeprefix(f"/{self.server.model_id}/resolve/{COMMIT}/")
        content = (self.server.folder / name).read_bytes()
        if self.command == "GET":
            self.server.given.append(name)
        self._send(200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha256(content).hexdigest()}"'})

    def _refuse(self, code: str, status: int = 404) -> None:
        self._send(status, b"", {"X-Error-Code": code})

    def _send_json(self, value: object) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
