"""The cache that replicas share: what one computed is a hit in all others.

Lookups do not each take a connection: one reader sends whatever was asked while the last reply was on its way as one
MGET, as the batcher does with texts. 500 requests for one new text ask Redis once, and a burst cannot exhaust a pool.
Writes go through one writer of their own, so they delay neither answers nor lookups.
"""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from lightsleeper.cache.cache import Observer
from lightsleeper.cache.redis_client import MAX_REPLY_BYTES, error_reply
from lightsleeper.cache.redis_link import KEY_PREFIX, RedisLink, RedisUnavailable
from lightsleeper.cache.stored_value import ValueFormat
from lightsleeper.model.prediction import Logits

#: Keys of one MGET, entries of one pipeline: both take Redis well under a millisecond.
_MAX_KEYS = 512
_MAX_WRITES = 128

#: A value's length and the line ends around it, and a share of the array's.
_REPLY_OVERHEAD_BYTES = 16

_LAST_LOOK_S = 0.001

#: A write waits for company: alone it costs 0.1 ms of CPU time, a thirtieth of the inference it follows.
_GATHER_S = 0.05

#: Entries waiting to be written, about 1 MB: a second of new texts at full speed. More are dropped and counted.
_MAX_UNWRITTEN = 4_096

#: What the last writes get at shutdown.
_FLUSH_TIMEOUT_S = 1.0


class _Lookup:
    """What one request waits for: one future, however many keys it asks about."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self.found: dict[bytes, Logits | None] = dict.fromkeys(keys)
        self.left = len(self.found)
        #: Whether Redis told about every key so far.
        self.answered = True
        self.over = asyncio.get_running_loop().create_future()

    def land(self, key: bytes, logits: Logits | None, *, answered: bool) -> None:
        """Redis has told about `key`, or it became known otherwise, or Redis will not tell."""
        self.found[key] = logits
        self.answered &= answered
        self.left -= 1
        if self.left == 0:
            self.end()

    def end(self) -> None:
        """Whoever waits goes on with what there is."""
        if not self.over.done():
            self.over.set_result(None)


class RedisCache:
    """A `Cache` whose every failure is a miss. Belongs to one event loop."""

    def __init__(self, link: RedisLink, values: ValueFormat, *, ttl_s: int, observer: Observer | None = None) -> None:
        """`ttl_s` is how long Redis keeps a value. Works between start and close.

        The link is its maker's to start and close.
        """
        self._link = link
        self._ttl_s = ttl_s
        self._observer = observer
        self._values = values
        self._max_keys = min(_MAX_KEYS, MAX_REPLY_BYTES // (values.size + _REPLY_OVERHEAD_BYTES))
        #: Who waits for what has not been answered yet; the reader has taken the keys that are not in `_asked`.
        self._waiting: dict[bytes, list[_Lookup]] = {}
        self._asked: list[bytes] = []
        self._unwritten: dict[bytes, Logits] = {}
        self._to_read = asyncio.Event()
        self._to_write = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start the reader and the writer; call it inside the event loop."""
        self._tasks = [
            asyncio.create_task(self._read(), name="redis-reader"),
            asyncio.create_task(self._write(), name="redis-writer"),
        ]

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """See `Cache.get_many`; returns within the link's timeout, with None for what is not known by then.

        Finds an entry that waits to be written, too, and one that landed while Redis was being asked.
        """
        found = {key: self._unwritten.get(key) for key in keys}
        unknown = [key for key, logits in found.items() if logits is None]
        asked = False
        if unknown and self._link.available:
            lookup = await self._ask(unknown)
            found |= {key: logits or self._unwritten.get(key) for key, logits in lookup.found.items()}
            asked = lookup.left == 0 and lookup.answered
        hits = sum(found[key] is not None for key in keys)
        self._count("hit", hits)
        self._count("miss" if asked else "unavailable", len(keys) - hits)
        return [found[key] for key in keys]

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        """See `Cache.put_many`; while Redis is away entries wait, and what does not fit is dropped."""
        room = max(0, _MAX_UNWRITTEN - len(self._unwritten))
        self._unwritten.update(islice(entries.items(), room))
        self._drop(len(entries) - room)
        for key, logits in entries.items():
            self._land(key, logits)
        self._to_write.set()

    async def close(self) -> None:
        """See `Cache.close`."""
        self._closing = True
        self._to_write.set()
        if self._tasks:
            reader, writer = self._tasks
            if self._link.available:
                await asyncio.wait([writer], timeout=_FLUSH_TIMEOUT_S)
            for task in (reader, writer):
                task.cancel()
            await asyncio.wait(self._tasks)
        self._drop(len(self._unwritten))
        for key in list(self._waiting):
            self._land(key, None, answered=False)

    async def _ask(self, keys: Sequence[bytes]) -> _Lookup:
        lookup = _Lookup(keys)
        for key in keys:
            if key not in self._waiting:
                self._waiting[key] = []
                self._asked.append(key)
                self._to_read.set()
            self._waiting[key].append(lookup)
        # A timer and no `asyncio.timeout`: the request goes on with what it has, and nothing is cancelled. After the
        # time one look more, for a loop that stood still: what came meanwhile is read first.
        loop = asyncio.get_running_loop()
        end = loop.call_later(self._link.timeout_s, loop.call_later, _LAST_LOOK_S, lookup.end)
        try:
            await lookup.over
        finally:
            end.cancel()
        return lookup

    def _land(self, key: bytes, logits: Logits | None, *, answered: bool = True) -> None:
        for lookup in self._waiting.pop(key, ()):
            lookup.land(key, logits, answered=answered)

    async def _read(self) -> None:
        while True:
            await self._to_read.wait()
            keys, self._asked = self._asked[: self._max_keys], self._asked[self._max_keys :]
            if not self._asked:
                self._to_read.clear()
            await self._fetch(keys)

    async def _fetch(self, keys: Sequence[bytes]) -> None:
        names = [KEY_PREFIX + key for key in keys]
        try:
            values = await self._link.mget(names)
        except RedisUnavailable:
            for key in keys:
                self._land(key, None, answered=False)
        else:
            for key, value in zip(keys, values, strict=True):
                self._land(key, self._unpack(key, value))

    def _unpack(self, key: bytes, value: object) -> Logits | None:
        logits = None if value is None else self._values.unpack(key, value)
        if logits is None and value is not None and self._observer:
            self._observer.malformed_value()
        return logits

    async def _write(self) -> None:
        while self._unwritten or not self._closing:
            await self._to_write.wait()
            self._to_write.clear()
            if not self._closing:
                await asyncio.sleep(_GATHER_S)
            while self._unwritten:
                await self._link.wait_available()
                entries = dict(islice(self._unwritten.items(), _MAX_WRITES))
                self._drop(len(entries) - await self._store(entries))
                for key in entries:
                    del self._unwritten[key]

    async def _store(self, entries: Mapping[bytes, Logits]) -> int:
        """How many entries Redis took. Nothing is tried twice: an entry lost costs one inference, some day."""
        try:
            replies = await self._link.call("SET", lambda client: self._set(client, entries))
        except RedisUnavailable:
            return 0
        for reply in {str(error_reply(reply)) for reply in replies if isinstance(reply, Exception)}:
            self._link.refused("SET", reply)
        return sum(reply is True for reply in replies)

    async def _set(self, client: Any, entries: Mapping[bytes, Logits]) -> list[Any]:  # noqa: ANN401  # see RedisLink
        pipeline = client.pipeline(transaction=False)
        for key, logits in entries.items():
            pipeline.set(KEY_PREFIX + key, self._values.pack(key, logits), ex=self._ttl_s)
        # A full Redis refuses each SET, and goes on answering lookups.
        replies: list[Any] = await pipeline.execute(raise_on_error=False)
        return replies

    def _count(self, result: str, texts: int) -> None:
        if self._observer and texts:
            self._observer.lookups("redis", result, texts)

    def _drop(self, entries: int) -> None:
        if self._observer and entries > 0:
            self._observer.writes_dropped(entries)
