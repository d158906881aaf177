"""The whole story of a request: tokenise, look up, share or compute, remember, answer.

Knows no HTTP, no Redis, no ONNX Runtime: each is behind the object it is handed.
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import Protocol

from lightsleeper.batcher import Batcher, Done
from lightsleeper.cache import Cache, KeyMaker
from lightsleeper.prediction import Classification, Logits, Timings
from lightsleeper.single_flight import SingleFlight
from lightsleeper.tokenizer import TokenizedText, Tokenizer

#: Tokenising runs at about 1 µs a character; from here on it would hold up the event loop for longer than a
#: thread hand-over costs (about 0.1 ms).
_LARGE_CHARS = 2_000


class Observer(Protocol):
    """Told about each answer; `metrics` and `tracing` implement it."""

    def classified(self, answer: Classification, fresh: Sequence[Logits], started_s: float) -> None:
        """`fresh` are the logits that no cache had; `started_s` is the `time.perf_counter` of the call."""


class Classifier:
    """Texts → logits."""

    def __init__(
        self,
        *,
        tokenizer: Tokenizer,
        keys: KeyMaker,
        cache: Cache,
        batcher: Batcher[TokenizedText, Logits],
        observers: Sequence[Observer] = (),
    ) -> None:
        """All parts come started; whoever made them closes them."""
        self._tokenizer = tokenizer
        self._keys = keys
        self._cache = cache
        self._batcher = batcher
        self._observers = observers
        self._flights: SingleFlight[bytes, Done[Logits]] = SingleFlight()

    async def classify(self, texts: Sequence[str], *, truncate: bool = True) -> Classification:
        """One `Logits` per text, in order.

        Raises InvalidInput (a text too long, with `truncate=False`), Overloaded, ShuttingDown, EngineFailed.
        Cancelling the call withdraws what only this call waits for.
        """
        started_s = time.perf_counter()
        tokenized = await self._tokenize(texts, truncate=truncate)
        tokenized_s = time.perf_counter()
        keys = [self._keys.key(text.ids) for text in tokenized]
        cached = await self._cache.get_many(keys)
        looked_up_s = time.perf_counter()
        found = {key: logits for key, logits in zip(keys, cached, strict=True) if logits is not None}
        wanted = {key: text for key, text in zip(keys, tokenized, strict=True) if key not in found}
        computed = await self._compute(wanted) if wanted else {}
        logits = {**found, **{key: done.value for key, done in computed.items()}}
        answer = Classification(
            logits=[logits[key] for key in keys],
            truncated=[index for index, text in enumerate(tokenized) if text.truncated],
            hits=sum(value is not None for value in cached),
            timings=Timings(
                tokenize_s=tokenized_s - started_s,
                cache_s=looked_up_s - tokenized_s,
                queue_s=max((done.queue_s for done in computed.values()), default=0.0),
                inference_s=max((done.run_s for done in computed.values()), default=0.0),
            ),
        )
        for observer in self._observers:
            observer.classified(answer, [done.value for done in computed.values()], started_s)
        return answer

    async def cut_at(self, texts: Sequence[str]) -> list[int]:
        """How many characters of each text the model reads, in order."""
        return await asyncio.to_thread(lambda: [self._tokenizer.cut_at(text) for text in texts])

    async def _tokenize(self, texts: Sequence[str], *, truncate: bool) -> list[TokenizedText]:
        if sum(map(len, texts)) < _LARGE_CHARS:
            return self._tokenizer.encode(texts, truncate=truncate)
        return await asyncio.to_thread(self._tokenizer.encode, texts, truncate=truncate)

    async def _compute(self, wanted: dict[bytes, TokenizedText]) -> dict[bytes, Done[Logits]]:
        return await self._flights.wait(list(wanted), lambda keys: self._start(keys, wanted))

    def _start(self, keys: list[bytes], texts: dict[bytes, TokenizedText]) -> list[asyncio.Future[Done[Logits]]]:
        futures = self._batcher.submit([texts[key] for key in keys])
        for key, future in zip(keys, futures, strict=True):
            future.add_done_callback(partial(self._remember, key))
        return futures

    def _remember(self, key: bytes, future: asyncio.Future[Done[Logits]]) -> None:
        """Also when everybody has left meanwhile: the work is done, the next one profits."""
        if not future.cancelled() and future.exception() is None:
            self._cache.put_many({key: future.result().value})
