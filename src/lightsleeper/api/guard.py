"""Who may ask, by API key, and the headers that every answer carries. Pure ASGI, so nothing is buffered on its way.

What makes the model work (every method but GET, HEAD and OPTIONS) needs a key where keys are set. Reading stays free:
the page, its files, the documentation, the facts about the model, and the probes, which must never be refused.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightsleeper.api.asgi import Response
from lightsleeper.errors import LightsleeperError, Unauthorized

#: What is taken over from the caller: nothing that could break a header or a log line.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

FREE_METHODS = {"GET", "HEAD", "OPTIONS"}

#: As much of a key's digest as names it in counters and in Redis; it opens nothing.
_KEY_ID_DIGITS = 16

#: An answer of the API is data: it may load nothing and be framed by nobody. The page brings its own policy.
_API_POLICY = b"default-src 'none'; frame-ancestors 'none'"

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
#: What every answer of the API carries beside its name.
API_HEADERS = (*_HEADERS, (b"content-security-policy", _API_POLICY))


class NoRateLimit:
    """Everybody may send as many texts as they like."""

    async def spend(self, scope: Scope, texts: int, *, counted: int = 0) -> None:
        """Always fine."""

    async def give_back(self, scope: Scope, texts: int) -> None:
        """Nothing was counted."""


class Guard:
    """Refuses who has no key."""

    def __init__(
        self, app: ASGIApp, key_digests: Sequence[bytes], refuse: Callable[[Scope, LightsleeperError], Response]
    ) -> None:
        """`key_digests` are sha256 digests of the keys, any of which opens; none: no key is asked for.

        Keys are random and long, so a plain digest is enough: there is no dictionary to try.
        """
        self._app = app
        self._key_digests = key_digests
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and self._key_digests and scope["method"] not in FREE_METHODS:
            state = scope.setdefault("state", {})
            state["key_id"] = self.key_id(scope["headers"])
            if state["key_id"] is None:
                await self._unauthorized(scope)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def key_id(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The start of the digest of a presented key that is known; each is compared with every known key, in full."""
        known = None
        for key in _presented_keys(headers):
            digest = hashlib.sha256(key).digest()
            if sum(hmac.compare_digest(digest, each) for each in self._key_digests):
                known = known or digest.hex()[:_KEY_ID_DIGITS]
        return known

    def _unauthorized(self, scope: Scope) -> Response:
        message = "send a valid API key as `Authorization: Bearer …` or `X-API-Key: …`"
        response = self._refuse(scope, Unauthorized(message, field="authorization"))
        response.headers["www-authenticate"] = "Bearer"
        return response


def _presented_keys(headers: Iterable[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Every key the caller sent, as UTF-8, without the blanks around it; an empty one is none.

    All of them, because a caller may not decide alone what is sent: the hub's clients add the token of their user as
    `Authorization` beside our `X-API-Key`.
    """
    for name, value in headers:
        if name == b"authorization":
            scheme, _, key = _text(value).strip().partition(" ")
            key = key.strip() if scheme.lower() == "bearer" else ""
        elif name == b"x-api-key":
            key = _text(value).strip()
        else:
            continue
        if key:
            yield key.encode()


def _text(value: bytes) -> str:
    """A header's value, of which HTTP says no encoding: browsers and requests send Latin-1, curl what it was given."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


class AnswerHeaders:
    """Adds to every answer, refusals and preflights too, its name and what keeps a browser from misusing it."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                extra = _missing(headers)
                named = (b"x-request-id", request_id(scope))
                message["headers"] = [*headers, *extra, named, *state.get("rate_limit_headers", ())]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def request_id(scope: Scope) -> bytes:
    """The caller's own, so that both sides can name the request; else a new one of 128 random bits."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value)
    return os.urandom(16).hex().encode()


def _missing(present: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """What the route has not set itself: the page brings all of them."""
    for name, _ in present:
        if name == b"content-security-policy":
            return ()
    return API_HEADERS
