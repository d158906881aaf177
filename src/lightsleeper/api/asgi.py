"""A request and an answer, as far as a route needs them, over plain ASGI.

Starlette's do more and take 30 ms of CPU to import, a tenth of a wake; these have the same names and the same meaning.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

#: https://fetch.spec.whatwg.org/#null-body-status, and all that begins with 1.
_WITHOUT_BODY = {204, 304}
_FIRST_FINAL = 200


class Headers(Mapping[str, str]):
    """The first value of each name, whatever its case."""

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        """`raw` as ASGI has them: lower-case names, values in Latin-1."""
        self._raw = raw
        self._first = dict(reversed(raw))

    def __getitem__(self, name: str) -> str:
        return self._first[name.lower().encode("latin-1")].decode("latin-1")

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  # as `Mapping` has it
        """See `Mapping`, whose own takes an exception for every header that is not there."""
        value = self._first.get(name.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.decode("latin-1") for name, _ in self._raw))

    def __len__(self) -> int:
        return len(self._first)

    def getlist(self, name: str) -> list[str]:
        """Every value of that name, in order."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for each, value in self._raw if each == wanted]


class Request:
    """A request whose head was read."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """See ASGI."""
        self.scope = scope
        self.receive = receive
        self.headers = Headers(scope["headers"])
        #: What the lifespan left for the routes.
        self.state: Any = SimpleNamespace(**scope.get("state", {}))

    @property
    def path_params(self) -> dict[str, str]:
        """What the route's template found in the path."""
        found: dict[str, str] = self.scope.get("path_params", {})
        return found

    @property
    def query_params(self) -> dict[str, str]:
        """The last value of each name in the query."""
        return dict(parse_qsl(self.scope["query_string"].decode("latin-1"), keep_blank_values=True))


class Response:
    """An answer whose body is known; an ASGI application."""

    def __init__(
        self,
        body: bytes | str = b"",
        status_code: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        """`headers` in lower case. A `media_type` of text is said to be UTF-8."""
        self.body = body.encode() if isinstance(body, str) else body
        self.status_code = status_code
        self.headers = dict(headers or {})
        if status_code >= _FIRST_FINAL and status_code not in _WITHOUT_BODY:
            self.headers.setdefault("content-length", str(len(self.body)))
        if media_type:
            charset = "; charset=utf-8" if media_type.startswith("text/") and "charset=" not in media_type else ""
            self.headers.setdefault("content-type", media_type + charset)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002  # see ASGI
        """See ASGI."""
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})
