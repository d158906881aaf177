"""One request for answers, whichever dialect it speaks: read and parse it, classify, time it, within its deadline."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from starlette.types import Receive

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import Disconnected, decoded, encoding_of, read_body
from lightsleeper.api.predict_request import LARGE_BYTES, Limits
from lightsleeper.api.server_timing import server_timing
from lightsleeper.errors import DeadlineExceeded, Overloaded, ShuttingDown
from lightsleeper.model.prediction import Classification
from lightsleeper.process import INSTANCE_ID

if TYPE_CHECKING:
    from lightsleeper.model.head import Head
    from lightsleeper.pipeline.classifier import Classifier

Asked = TypeVar("Asked")

#: nginx's status for a client that left before its answer; nobody reads it but the metrics.
CLIENT_CLOSED_REQUEST = 499

#: Longer than Redis takes, shorter than any inference worth withdrawing.
_WATCH_AFTER_S = 0.003


class Exchange:
    """A request that was read, and what its answer needs."""

    def __init__(self, request: Request) -> None:
        """The clock of its `Server-Timing` starts here."""
        self.started_s = time.perf_counter()
        self.request = request
        self.head: Head = request.state.head
        self.classifier: Classifier = request.state.classifier

    async def classify(self, texts: Sequence[str], *, truncate: bool = True, variants: int = 0) -> Classification:
        """`Classifier.classify`, counted against what this client may send; its errors, and RateLimited."""
        scope, rate_limit = self.request.scope, self.request.state.rate_limit
        await rate_limit.spend(scope, len(texts))
        try:
            return await self.classifier.classify(texts, truncate=truncate, variants=variants)
        except (Overloaded, ShuttingDown):  # refused unread
            await rate_limit.give_back(scope, len(texts))
            raise

    def headers(self, answer: Classification) -> dict[str, str]:
        """Where the answer came from and where the time went."""
        texts = len(answer.logits)
        cache = "hit" if answer.hits == texts else "partial" if answer.hits else "miss"
        timing = server_timing(answer.timings, self.request.state.wake, self.total_s)
        return {"x-cache": cache, "x-instance-id": INSTANCE_ID, "server-timing": timing}

    @property
    def total_s(self) -> float:
        """Seconds since the request's head was read."""
        return time.perf_counter() - self.started_s


async def exchange(
    request: Request,
    parse: Callable[[bytes, Request], Asked],
    answer: Callable[[Exchange, Asked], Awaitable[Response]],
) -> Response:
    """What `answer` makes of what `parse` makes of the body; withdrawn when the client leaves.

    Raises what they raise, what `read_body` and `decoded` raise, and DeadlineExceeded.
    """
    this = Exchange(request)
    limits: Limits = request.state.limits
    try:
        async with asyncio.timeout(limits.timeout_s):
            # The body has no name, so that it goes before the answer: 20 of 2 MB in flight took 32 MB more.
            asked = await _parsed(parse, await read_body(request, limits.max_body_bytes), request)
            async with _WithdrawOnDisconnect(request.receive):
                return await answer(this, asked)
    except TimeoutError:
        raise DeadlineExceeded(
            f"no answer within {limits.timeout_s:g} s", limit=limits.timeout_s, retry_after_s=1
        ) from None
    except Disconnected:
        return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _parsed(parse: Callable[[bytes, Request], Asked], body: bytes, request: Request) -> Asked:
    if len(body) < LARGE_BYTES and not encoding_of(request.headers):
        return _decode_and_parse(parse, body, request)
    return await asyncio.to_thread(_decode_and_parse, parse, body, request)


def _decode_and_parse(parse: Callable[[bytes, Request], Asked], body: bytes, request: Request) -> Asked:
    return parse(decoded(body, request.headers, request.state.limits.max_body_bytes), request)


class _WithdrawOnDisconnect:
    """Cancels the body of the `async with` when the client leaves, so that its queued texts are dropped.

    ASGI servers do not cancel a handler whose client is gone; they only say so to whoever calls `receive`. The
    watch begins after `_WATCH_AFTER_S`: an answer from a cache, of which nothing is queued, never pays for it.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._watch: asyncio.Task[None] | None = None
        self._left = False

    async def __aenter__(self) -> None:
        self._handler = asyncio.current_task()
        self._start = asyncio.get_running_loop().call_later(_WATCH_AFTER_S, self._begin)

    async def __aexit__(self, *failure: object) -> None:
        self._start.cancel()
        if self._watch:
            self._watch.cancel()
        if self._left and isinstance(failure[1], asyncio.CancelledError) and self._handler:
            self._handler.uncancel()
            raise Disconnected

    def _begin(self) -> None:
        self._watch = asyncio.create_task(self._until_disconnect())

    async def _until_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._handler:
            self._handler.cancel()
