"""Texts → what the model sees and the key of its answer, remembered for texts that come again letter for letter.

Tokenising costs half of an answer that a cache holds (52 of 128 µs for 28 tokens); a digest of the text costs 1 µs.
In place of the text, its digest and its token ids are kept.
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from typing import NamedTuple

from lightsleeper.cache.cache import KeyMaker
from lightsleeper.cache.lru import Lru
from lightsleeper.model.tokenizer import TokenizedText, Tokenizer, parts, reading_cost
from lightsleeper.pipeline.admission import CLIENT
from lightsleeper.pipeline.priority import stand_back
from lightsleeper.pipeline.reading_turns import ReadingTurns

#: Of `reading_cost`: so much in one turn of the event loop holds it up for 2 ms, all requests together; 32 that came at
#: once held it up for 42, and one of 2,000 letters in words of 33 syllables for 60. A hand-over to a thread costs about
#: 0.1 ms.
_COST_A_TURN = 2_000
#: One turn of the thread that tokenises: a large request takes many, and those of other clients are in between.
_SLICE_CHARS = 16_000
#: What takes longer waits in a queue of its own: a slice of long words is a second of work.
_SHORT_COST = 16_000
#: Of what takes no longer, so many are handed to a thread at once, that it need not wait for the event loop after each:
#: of the smallest, and of the others. Whoever comes waits for 35 ms of them, or 60; behind all that one client sent at
#: once, 200 texts of 2 kB, it was 1.6 s.
_SMALL_AHEAD, _SHORT_AHEAD = 32, 4

_DIGEST_BYTES = 16

#: About 15,000 texts of 30 tokens: the repeats of minutes, in a fiftieth of a pod's memory limit.
REMEMBERED_BYTES = 8 << 20
#: What CPython spends on one entry besides its ids: tuple, tokenised text, array, two keys, dict and list links.
_ENTRY_OVERHEAD_BYTES = 440
_BYTES_PER_ID = 4


class EncodedText(NamedTuple):
    """One text, ready to be looked up or computed."""

    tokenized: TokenizedText
    #: See `KeyMaker`.
    key: bytes


class Encoder:
    """A tokenizer and a key maker, with a memory of the texts they have seen. Belongs to one event loop."""

    def __init__(self, tokenizer: Tokenizer, keys: KeyMaker, *, max_entries: int, threads: int = 1) -> None:
        """Remember `max_entries` texts at most; 0 remembers none.

        Long texts are read in `threads` of its own, those that take longer in as many more.
        """
        self._tokenizer = tokenizer
        self._keys = keys
        self._seen = Lru(max_entries, REMEMBERED_BYTES, _size) if max_entries else None
        short = ThreadPoolExecutor(threads, thread_name_prefix="tokenize")
        self._small, self._short = (
            ReadingTurns(short, ahead * threads, each=ahead * threads) for ahead in (_SMALL_AHEAD, _SHORT_AHEAD)
        )
        long = ThreadPoolExecutor(threads, thread_name_prefix="tokenize-long", initializer=stand_back, initargs=(2,))
        #: A slice at a time: nobody's long texts wait for all of somebody else's.
        self._long = ReadingTurns(long, threads)
        #: Tokenised in this turn of the event loop.
        self._cost = 0

    async def encode(self, texts: Sequence[str], *, truncate: bool = True) -> list[EncodedText]:
        """One `EncodedText` per text, in order; InvalidInput for a text too long, with `truncate=False`."""
        if self._seen is None:
            encoded = await self._encode(texts)
        else:
            encoded = await self._recall(self._seen, texts)
        if not truncate:
            self._tokenizer.require_whole([text.tokenized for text in encoded])
        return encoded

    async def cut_at(self, texts: Sequence[str]) -> list[int]:
        """How many characters of each text the model reads, in order."""
        return [await self._long.run(CLIENT.get(), self._tokenizer.cut_at, text) for text in texts]

    async def _recall(self, seen: Lru[EncodedText], texts: Sequence[str]) -> list[EncodedText]:
        digests = [blake2b(text.encode(errors="surrogatepass"), digest_size=_DIGEST_BYTES).digest() for text in texts]
        recalled = [seen.get(digest) for digest in digests]
        new = [index for index, text in enumerate(recalled) if text is None]
        if new:
            for index, text in zip(new, await self._encode([texts[index] for index in new]), strict=True):
                recalled[index] = text
                seen.put(digests[index], text)
        return [text for text in recalled if text is not None]

    async def _encode(self, texts: Sequence[str]) -> list[EncodedText]:
        loop = asyncio.get_running_loop()
        is_long = sum(map(len, texts)) > _SHORT_COST
        cost = _SHORT_COST + 1 if is_long else sum(map(reading_cost, texts))
        if self._may_take(cost, loop):
            tokenized = self._tokenizer.encode(texts)
        else:
            turns = self._small if cost <= _COST_A_TURN else self._short if cost <= _SHORT_COST else self._long
            client, read = CLIENT.get(), self._tokenizer.encode
            tokenized = [text for each in parts(texts, _SLICE_CHARS) for text in await turns.run(client, read, each)]
        return [EncodedText(text, self._keys.key(text.ids)) for text in tokenized]

    def _may_take(self, cost: int, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether the turn has room for so much more, which is then counted."""
        if self._cost + cost > _COST_A_TURN:
            return False
        if not self._cost:
            loop.call_soon(self._next_turn)
        self._cost += cost
        return True

    def _next_turn(self) -> None:
        self._cost = 0


def _size(text: EncodedText) -> int:
    return _ENTRY_OVERHEAD_BYTES + _BYTES_PER_ID * len(text.tokenized.ids)
