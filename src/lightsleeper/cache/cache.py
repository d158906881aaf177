"""Answers by what the model saw. A cache may forget and may fail; it never lies and never delays an answer."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from lightsleeper.cache.lru import Lru
from lightsleeper.model.prediction import Logits

if TYPE_CHECKING:
    from array import array

#: 128 bits: among 10^12 entries the chance of any collision is below 10^-14.
KEY_BYTES = 16

#: What CPython spends on one entry besides its logits: key object 49, tuple 40, dict and list links about 150.
_ENTRY_OVERHEAD_BYTES = 240
_BYTES_PER_LOGIT = 32


class Secret:
    """A secret of the deployer, from which each use derives a key of its own."""

    def __init__(self, secret: str) -> None:
        """Of any length; `settings` sees to it that it cannot be guessed."""
        self._root = blake2b(secret.encode()).digest()

    def derive(self, purpose: bytes, digest_size: int, of: bytes = b"") -> blake2b:
        """A keyed hash for one `purpose` (at most 16 bytes) and thing, to be copied for each message."""
        key = blake2b(of, key=self._root, person=purpose).digest()
        return blake2b(key=key, digest_size=digest_size)


class KeyMaker:
    """Cache keys: BLAKE2b, keyed with the bundle's digest, of the token ids.

    Case, accents, spacing and whatever was cut off do not change what the model sees, so they do not change the
    key; another model's answers can never be read. Bundle and tokenizer are public: without a secret whoever can read
    the keys can tell whether somebody sent a text that they guess.
    """

    def __init__(self, bundle_digest: str, secret: Secret | None = None) -> None:
        """`bundle_digest` is the 64 hex digits of `Bundle.digest`."""
        bundle = bytes.fromhex(bundle_digest)
        plain = blake2b(digest_size=KEY_BYTES, key=bundle)
        self._seeded = secret.derive(b"keys", KEY_BYTES, of=bundle) if secret else plain

    def key(self, ids: "array[int]") -> bytes:
        """The 16-byte key of one text's token ids (uint32)."""
        state = self._seeded.copy()
        state.update(ids)
        return state.digest()


class Cache(Protocol):
    """What the classifier needs of a cache."""

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """One value or None per key, in order."""

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        """Remember; returns at once."""

    async def close(self) -> None:
        """Finish what `put_many` began, within a bound."""


class Observer(Protocol):
    """Told what the caches do; `metrics` implements it."""

    def lookups(self, level: str, result: str, texts: int) -> None:
        """`level` is memory or redis, `result` hit, miss, or unavailable (Redis could not be asked in time)."""

    def malformed_value(self) -> None:
        """Redis held something that is not a value of ours; a miss."""

    def writes_dropped(self, entries: int) -> None:
        """So many entries will not reach Redis."""


class NoCache:
    """Remembers nothing."""

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """All misses."""
        return [None] * len(keys)

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        """Forget."""

    async def close(self) -> None:
        """Nothing to do."""


class LruCache:
    """The most recently used entries of this process, bounded by number and by (estimated) bytes."""

    def __init__(self, max_entries: int, max_bytes: int, observer: Observer | None = None) -> None:
        """Both bounds are at least 1."""
        self._entries = Lru(max_entries, max_bytes, entry_bytes)
        self._observer = observer

    def __len__(self) -> int:
        """Entries held."""
        return len(self._entries)

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """See `Cache.get_many`."""
        return self.look_up(keys)

    def look_up(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """`get_many` without a chance for anything else to happen in between."""
        found = self.peek(keys)
        if self._observer:
            misses = found.count(None)
            if misses:
                self._observer.lookups("memory", "miss", misses)
            if misses < len(found):
                self._observer.lookups("memory", "hit", len(found) - misses)
        return found

    def peek(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """`look_up` that is not observed."""
        return [self._entries.get(key) for key in keys]

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        """See `Cache.put_many`."""
        for key, logits in entries.items():
            self._entries.put(key, logits)

    async def close(self) -> None:
        """See `Cache.close`."""
        self._entries.clear()


class TwoLevelCache:
    """The memory of one process in front of a slower cache that others share."""

    def __init__(self, memory: LruCache, shared: Cache) -> None:
        """`close` closes both."""
        self._memory = memory
        self._shared = shared

    async def get_many(self, keys: Sequence[bytes]) -> list[Logits | None]:
        """See `Cache.get_many`.

        What landed in memory while the shared cache was asked is found, so that whoever starts computing what is
        still missing, without awaiting anything first, never computes it a second time.
        """
        found = self._memory.look_up(keys)
        missing = [key for key, logits in zip(keys, found, strict=True) if logits is None]
        if not missing:
            return found
        shared = dict(zip(missing, await self._shared.get_many(missing), strict=True))
        landed = dict(zip(missing, self._memory.peek(missing), strict=True))
        fetched = {key: logits for key, logits in shared.items() if logits is not None}
        self._memory.put_many(fetched)
        return [logits or fetched.get(key) or landed[key] for key, logits in zip(keys, found, strict=True)]

    def put_many(self, entries: Mapping[bytes, Logits]) -> None:
        """See `Cache.put_many`."""
        self._memory.put_many(entries)
        self._shared.put_many(entries)

    async def close(self) -> None:
        """See `Cache.close`."""
        await self._shared.close()
        await self._memory.close()


def entry_bytes(logits: Logits) -> int:
    """What one answer takes in memory, its key included; estimated."""
    return _ENTRY_OVERHEAD_BYTES + _BYTES_PER_LOGIT * len(logits)
