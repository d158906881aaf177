"""One request for answers, whichever dialect it speaks: read and parse it, classify, time it, within its deadline."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

from starlette.types import Receive

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import Disconnected, decoded, read_body, refuse_charset
from lightsleeper.api.predict_request import LARGE_BYTES, Limits
from lightsleeper.api.server_timing import server_timing
from lightsleeper.errors import DeadlineExceeded, Overloaded, ShuttingDown, forget_frames
from lightsleeper.model.prediction import Classification
from lightsleeper.pipeline.admission import CLIENT
from lightsleeper.process import INSTANCE_ID

if TYPE_CHECKING:
    from lightsleeper.model.head import Head
    from lightsleeper.pipeline.classifier import Classifier

Asked = TypeVar("Asked")

#: nginx's status for a client that left before its answer; nobody reads it but the metrics.
CLIENT_CLOSED_REQUEST = 499

#: Longer than Redis takes, shorter than any inference worth withdrawing.
_WATCH_AFTER_S = 0.003

#: Of bodies that wait to be read, once they are inflated, so that the last one is read within a second or two.
_MAX_UNREAD_BYTES = 67_108_864
#: https://zlib.net/zlib_tech.html: no byte of deflate becomes more.
_MOST_INFLATED = 1_032


class _Reader:
    """Reads large and encoded bodies, one at a time.

    2 kB become 7 MB, which wait for the event loop, and while they are read, it waits for the interpreter's lock. Six
    at a time, as `asyncio.to_thread` does it, 100 requests held 600 MB.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-body")
        #: By client.
        self._unread_bytes: Counter[Hashable] = Counter()

    async def read(self, parse: Callable[[bytes, Request], Asked], body: bytes, request: Request) -> Asked:
        """What `parse` makes of it; Overloaded if too much waits."""
        size = len(body)
        if request.headers.get("content-encoding", "identity") != "identity":
            size = min(_MOST_INFLATED * size, request.state.limits.max_body_bytes)
        client = CLIENT.get()
        if not self._may_wait(client, size):
            raise Overloaded("other large bodies wait to be read", limit=_MAX_UNREAD_BYTES, retry_after_s=1)
        self._unread_bytes[client] += size
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, _decode_and_parse, parse, body, request)
        finally:
            self._unread_bytes -= Counter({client: size})  # who has none left is forgotten

    def _may_wait(self, client: Hashable, size: int) -> bool:
        """By `Admission`'s rule: who has less than a fair share comes in beyond the bound, up to half of it."""
        waiting = self._unread_bytes.total()
        if not waiting or waiting + size <= _MAX_UNREAD_BYTES:
            return True
        share = _MAX_UNREAD_BYTES / len({*self._unread_bytes, client})
        return self._unread_bytes[client] + size <= share and waiting + size <= 1.5 * _MAX_UNREAD_BYTES


_reader = _Reader()


class Exchange:
    """A request that was read, and what its answer needs."""

    def __init__(self, request: Request) -> None:
        """The clock of its `Server-Timing` starts here."""
        self.started_s = time.perf_counter()
        self.request = request
        self.head: Head = request.state.head
        self.classifier: Classifier = request.state.classifier
        #: Texts counted against what this client may send.
        self._counted = 0

    async def leave_one_out(self, text: str) -> tuple[str, list[str]]:
        """`Classifier.leave_one_out`, of a text that counts before it is read; its errors, and RateLimited."""
        await self._count(1)
        try:
            return await self.classifier.leave_one_out(text)
        except (Overloaded, ShuttingDown):
            await self._uncount()
            raise

    async def classify(self, texts: Sequence[str], *, truncate: bool = True, variants: int = 0) -> Classification:
        """`Classifier.classify`, counted against what this client may send; its errors, and RateLimited."""
        await self._count(len(texts))
        try:
            return await self.classifier.classify(texts, truncate=truncate, variants=variants)
        except (Overloaded, ShuttingDown):  # refused unread
            await self._uncount()
            raise

    async def _count(self, texts: int) -> None:
        """So many altogether. Who is over the limit with the rest has had the first ones read, and pays for them."""
        await self.request.state.rate_limit.spend(self.request.scope, texts - self._counted, counted=self._counted)
        self._counted = texts

    async def _uncount(self) -> None:
        await self.request.state.rate_limit.give_back(self.request.scope, self._counted)
        self._counted = 0

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
        async with _Patience(request.receive, limits.timeout_s) as patience:
            # The body has no name, so that it goes before the answer: 20 of 2 MB in flight took 32 MB more.
            asked = await _parsed(parse, await read_body(request, limits.max_body_bytes), request)
            patience.body_is_whole()
            return await answer(this, asked)
    except TimeoutError:
        raise DeadlineExceeded(
            f"no answer within {limits.timeout_s:g} s", limit=limits.timeout_s, retry_after_s=1
        ) from None
    except Disconnected as gone:
        forget_frames(gone)
        return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _parsed(parse: Callable[[bytes, Request], Asked], body: bytes, request: Request) -> Asked:
    headers = request.headers
    if len(body) < LARGE_BYTES and headers.get("content-encoding") is None:
        refuse_charset(body, headers)
        return parse(body, request)
    return await _reader.read(parse, body, request)


def _decode_and_parse(parse: Callable[[bytes, Request], Asked], body: bytes, request: Request) -> Asked:
    return parse(decoded(body, request.headers, request.state.limits.max_body_bytes), request)


class _Patience:
    """Cancels the body of the `async with` when its time is up or the client has left: its queued texts are dropped.

    Ends it with TimeoutError or Disconnected. ASGI servers do not cancel a handler whose client is gone; they only say
    so to whoever calls `receive`. An answer from a cache pays for one timer, which it stops before it rings: with
    `asyncio.timeout` and a timer of the watch it was a twentieth of all its work.
    """

    def __init__(self, receive: Receive, timeout_s: float) -> None:
        self._receive = receive
        self._timeout_s = timeout_s
        self._watch: asyncio.Task[None] | None = None
        self._whole = self._rang = False
        self._end: Exception | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._handler = asyncio.current_task()
        self._timer = self._loop.call_later(min(_WATCH_AFTER_S, self._timeout_s), self._ring)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._timer.cancel()
        if self._watch:
            self._watch.cancel()
        if self._end and self._handler and self._handler.uncancel() == 0 and kind is asyncio.CancelledError:
            raise self._end

    def body_is_whole(self) -> None:
        """What the client says next is that it leaves."""
        self._whole = True
        if self._rang:
            self._begin_watch()

    def _ring(self) -> None:
        self._rang = True
        self._timer = self._loop.call_later(max(0, self._timeout_s - _WATCH_AFTER_S), self._stop, TimeoutError())
        if self._whole:
            self._begin_watch()

    def _begin_watch(self) -> None:
        self._watch = asyncio.create_task(self._until_disconnect())

    async def _until_disconnect(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._stop(Disconnected())

    def _stop(self, why: Exception) -> None:
        if self._end is None and self._handler:
            self._end = why
            self._handler.cancel()
