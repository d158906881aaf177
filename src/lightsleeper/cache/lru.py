"""The entries used most recently, bounded by number and by bytes. Knows nothing of what it holds."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Lru(Generic[V]):
    """A mapping from byte strings that forgets what was used longest ago."""

    def __init__(self, max_entries: int, max_bytes: int, size: Callable[[V], int]) -> None:
        """Both bounds are at least 1; `size` is what an entry takes in memory, in bytes, its key included."""
        self._entries: OrderedDict[bytes, V] = OrderedDict()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._size = size
        self._bytes = 0

    def __len__(self) -> int:
        """Entries held."""
        return len(self._entries)

    def get(self, key: bytes) -> V | None:
        """The value, which counts as used now; None if it is not held."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def put(self, key: bytes, value: V) -> None:
        """Hold `value`, and forget what no longer fits."""
        known = self._entries.get(key)
        self._bytes += self._size(value) - (0 if known is None else self._size(known))
        self._entries[key] = value
        self._entries.move_to_end(key)
        while len(self._entries) > self._max_entries or self._bytes > self._max_bytes:
            _, forgotten = self._entries.popitem(last=False)
            self._bytes -= self._size(forgotten)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._bytes = 0
