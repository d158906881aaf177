"""The whole story of a request: tokenise, look up, share or compute, remember, answer.

Knows no HTTP, no Redis, no ONNX Runtime: each is behind the object it is handed.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

from lightsleeper.cache.cache import Cache
from lightsleeper.errors import InvalidInput
from lightsleeper.model.prediction import Classification, Logits, Timings
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.batcher import Batcher, Done
from lightsleeper.pipeline.encoding import EncodedText, Encoder
from lightsleeper.pipeline.explain import expected_bytes, leave_one_out, require_affordable
from lightsleeper.pipeline.single_flight import SingleFlight


class Observer(Protocol):
    """Told what users were answered; `metrics` and `tracing` implement it."""

    def classified(self, answer: Classification, fresh: Sequence[Logits], started_s: float) -> None:
        """`fresh` are the logits that no cache had; `started_s` is the `time.perf_counter` of the call."""


class Classifier:
    """Texts → logits."""

    def __init__(
        self,
        *,
        encoder: Encoder,
        cache: Cache,
        batcher: Batcher[TokenizedText, Logits],
        observers: Sequence[Observer] = (),
    ) -> None:
        """All parts come started; whoever made them closes them."""
        self._encoder = encoder
        self._cache = cache
        self._batcher = batcher
        self._observers = observers
        #: By lane as well: a sentence does not wait for a large request that holds it, too.
        self._flights: SingleFlight[tuple[object, bytes], Done[Logits]] = SingleFlight()

    async def classify(self, texts: Sequence[str], *, truncate: bool = True, variants: int = 0) -> Classification:
        """One `Logits` per text, in order.

        The last `variants` texts are ours, made of the others: observers are not told of them, or what users ask
        would seem to drift whenever somebody wants an explanation.

        Raises InvalidInput (nothing in a text to read; one too long, with `truncate=False`), Overloaded, ShuttingDown,
        EngineFailed.
        Cancelling the call withdraws what only this call waits for.
        """
        started_s = time.perf_counter()
        with self._batcher.admission.expecting(sum(map(len, texts)), max(map(len, texts), default=0)):
            encoded = await self._encoder.encode(texts, truncate=truncate)
            # Without its only word a text is empty, and that is what an explanation compares with.
            _require_something(encoded[: len(encoded) - variants])
            encoded_s = time.perf_counter()
            keys = [text.key for text in encoded]
            cached = await self._cache.get_many(keys)
            looked_up_s = time.perf_counter()
        found = {key: logits for key, logits in zip(keys, cached, strict=True) if logits is not None}
        wanted = {text.key: text.tokenized for text in encoded if text.key not in found}
        computed = await self._compute(wanted) if wanted else {}
        logits = {**found, **{key: done.value for key, done in computed.items()}}
        answer = Classification(
            logits=[logits[key] for key in keys],
            truncated=[index for index, text in enumerate(encoded) if text.tokenized.truncated],
            hits=sum(value is not None for value in cached),
            timings=Timings(
                tokenize_s=encoded_s - started_s,
                cache_s=looked_up_s - encoded_s,
                queue_s=max((done.queue_s for done in computed.values()), default=0.0),
                inference_s=max((done.run_s for done in computed.values()), default=0.0),
            ),
            tokens=sum([len(text.tokenized.ids) for text in encoded]),
            unfamiliar=[index for index, text in enumerate(encoded) if text.tokenized.unfamiliar],
        )
        if self._observers:
            asked, fresh = _without_variants(answer, computed, keys, variants)
            for observer in self._observers:
                observer.classified(asked, fresh, started_s)
        return answer

    async def leave_one_out(self, text: str) -> tuple[str, list[str]]:
        """What the model reads of `text`, and that without its first word, without its second, and so on.

        Raises InvalidInput (too many words, or too many tokens with all of them), and what `classify` raises.
        """
        admission = self._batcher.admission
        # `classify` would hardly let it in, after work that everybody else waits for.
        admission.check(admission.expected_cost(expected_bytes(text)))
        with admission.expecting(len(text), len(text)):
            (encoded,) = await self._encoder.encode([text])
            cut = (await self._encoder.cut_at([text]))[0] if encoded.tokenized.truncated else len(text)
        read = text[:cut]
        without = leave_one_out(read)
        require_affordable(len(without), encoded.tokenized.width)
        return read, without

    async def cut_at(self, texts: Sequence[str]) -> list[int]:
        """How many characters of each text the model reads, in order; of texts that were classified just now."""
        with self._batcher.admission.counting(sum(map(len, texts))):
            return await self._encoder.cut_at(texts)

    async def _compute(self, wanted: dict[bytes, TokenizedText]) -> dict[bytes, Done[Logits]]:
        costs = [len(text.ids) for text in wanted.values()]
        lane = self._batcher.admission.lane(sum(costs), max(costs))
        flights = await self._flights.wait(
            [(lane, key) for key in wanted], lambda new: self._start([key for _, key in new], wanted)
        )
        return {key: done for (_, key), done in flights.items()}

    def _start(self, keys: list[bytes], texts: dict[bytes, TokenizedText]) -> list[asyncio.Future[Done[Logits]]]:
        futures = self._batcher.submit([texts[key] for key in keys])
        for key, future in zip(keys, futures, strict=True):
            future.add_done_callback(partial(self._remember, key))
        return futures

    def _remember(self, key: bytes, future: asyncio.Future[Done[Logits]]) -> None:
        """Also when everybody has left meanwhile: the work is done, the next one profits."""
        if not future.cancelled() and future.exception() is None:
            self._cache.put_many({key: future.result().value})


def _require_something(texts: Sequence[EncodedText]) -> None:
    """InvalidInput for the first text of which the model sees no token: blank, or of signs without a form."""
    for index, text in enumerate(texts):
        if text.tokenized.empty:
            raise InvalidInput(
                f"text {index} is empty: it holds no sign that the model reads",
                code="empty_text",
                field=f"text[{index}]",
            )


def _without_variants(
    answer: Classification, computed: Mapping[bytes, Done[Logits]], keys: Sequence[bytes], variants: int
) -> tuple[Classification, list[Logits]]:
    """The answer to what was asked, and those logits of it that no cache had."""
    if not variants:
        return answer, [done.value for done in computed.values()]
    asked = keys[:-variants]
    truncated = [index for index in answer.truncated if index < len(asked)]
    fresh = [done.value for key, done in computed.items() if key in asked]
    return answer._replace(logits=answer.logits[: len(asked)], truncated=truncated), fresh
