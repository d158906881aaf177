import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Sequence

import pytest

from lightsleeper.cache.cache import KeyMaker
from lightsleeper.errors import InvalidInput
from lightsleeper.model.bundle import Bundle
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText, Tokenizer
from lightsleeper.pipeline.admission import CLIENT
from lightsleeper.pipeline.encoding import Encoder


class CountingTokenizer(Tokenizer):
    """Counts the texts it is given."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__(bundle.tokenizer, bundle.manifest.max_tokens)
        self.texts = 0

        #: Characters that the thread of the event loop tokenised itself.
        self.chars_in_loop = 0

    def encode(self, texts: Sequence[str]) -> list[TokenizedText]:
        self.texts += len(texts)
        if threading.current_thread() is threading.main_thread():
            self.chars_in_loop += sum(map(len, texts))
        return super().encode(texts)


def encoder(model: Model, max_entries: int = 100) -> tuple[Encoder, CountingTokenizer]:
    tokenizer = CountingTokenizer(model.bundle)
    return Encoder(tokenizer, KeyMaker(model.bundle.digest), max_entries=max_entries), tokenizer


async def test_a_text_that_comes_again_is_not_tokenised_again(model: Model) -> None:
    whole, tokenizer = encoder(model)
    first = await whole.encode(["good", "bad"])
    again = await whole.encode(["bad", "new", "good"])
    assert tokenizer.texts == 3
    assert [again[0], again[2]] == [first[1], first[0]]


async def test_what_is_remembered_is_what_would_be_made_anew(model: Model) -> None:
    whole, _ = encoder(model)
    forgetful, _ = encoder(model, 0)
    texts = ["Good", "good", "\u00e9", "e\u0301", "a\x00b", "good " * 600, "🙂", " good "]
    await whole.encode(texts)
    assert await whole.encode(texts) == await forgetful.encode(texts)


async def test_other_case_and_spacing_make_the_same_key(model: Model) -> None:
    whole, _ = encoder(model)
    plain, dressed = await whole.encode(["a lovely cafe", "  A LOVELY\n Café "])
    assert plain.key == dressed.key


async def test_with_no_entries_nothing_is_remembered(model: Model) -> None:
    whole, tokenizer = encoder(model, 0)
    for _ in range(2):
        await whole.encode(["good"])
    assert tokenizer.texts == 2


@pytest.mark.parametrize("chars", [60, 400, 1_990])
async def test_however_many_texts_come_at_once_the_event_loop_tokenises_few_of_them_itself(
    model: Model, chars: int
) -> None:
    whole, tokenizer = encoder(model, 0)
    texts = [f"{number:05} ".ljust(chars, "a") for number in range(64)]
    at_once = await asyncio.gather(*(whole.encode([text]) for text in texts))
    assert 0 < tokenizer.chars_in_loop <= 2_000
    one_by_one = [await whole.encode([text]) for text in texts]
    assert one_by_one == at_once


@pytest.mark.parametrize(
    "word", ["\ud55c" * 33, "q" * 99, "q" * 98 + "\u13a0"], ids=["syllables", "letters", "unknown"]
)
@pytest.mark.parametrize("end", [" ", ".", ",", "\u00a0", "\u3000"])
async def test_words_that_are_long_to_read_are_read_elsewhere(model: Model, word: str, end: str) -> None:
    whole, tokenizer = encoder(model, 0)
    await whole.encode([f"{word}{end}" * (1_900 // len(word))])
    assert tokenizer.texts == 1
    assert tokenizer.chars_in_loop == 0


async def test_long_texts_of_clients_are_read_in_turns(model: Model) -> None:
    whole, tokenizer = encoder(model, 0)
    reading, may_go_on, order = threading.Event(), threading.Event(), list[str]()
    encode = tokenizer.encode

    def held(texts: Sequence[str]) -> list[TokenizedText]:
        order.append(texts[0].split()[0])
        reading.set()
        may_go_on.wait()
        return encode(texts)

    tokenizer.encode = held  # type: ignore[method-assign]  # the order is what is tested
    asked = []
    for client, texts in (("much", 3), ("much", 3), ("little", 1)):
        CLIENT.set(client)
        asked.append(asyncio.create_task(whole.encode([f"{client} " * 4_000] * texts)))
        await asyncio.to_thread(reading.wait)
    await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(*asked)
    assert order[:2] == ["much", "little"]
    assert len(order) == 7


@pytest.mark.parametrize("letters", [1_900, 6_000], ids=["small", "short"])
async def test_nobody_waits_for_all_that_another_sends_at_once(model: Model, letters: int) -> None:
    whole, tokenizer = encoder(model, 0)
    may_go_on, order = threading.Event(), list[str]()
    encode = tokenizer.encode

    def held(texts: Sequence[str]) -> list[TokenizedText]:
        if threading.current_thread() is not threading.main_thread():
            may_go_on.wait()
        order.append(texts[0].split()[0])
        return encode(texts)

    tokenizer.encode = held  # type: ignore[method-assign]  # the order is what is tested
    asked = []
    for client, requests in (("much", 200), ("little", 1)):
        CLIENT.set(client)
        text = f"{client} " * (letters // (1 + len(client)))
        asked += [asyncio.create_task(whole.encode([text])) for _ in range(requests)]
        await asyncio.sleep(0)
    may_go_on.set()
    await asyncio.gather(*asked)
    assert order.index("little") <= 40


async def test_a_short_text_does_not_wait_for_a_long_one_to_be_read(model: Model) -> None:
    whole, tokenizer = encoder(model, 0)
    reading, may_go_on = threading.Event(), threading.Event()
    encode = tokenizer.encode

    def held(texts: Sequence[str]) -> list[TokenizedText]:
        if texts[0].startswith("long"):
            reading.set()
            may_go_on.wait()
        return encode(texts)

    tokenizer.encode = held  # type: ignore[method-assign]  # the order is what is tested
    long = asyncio.create_task(whole.encode(["long " * 4_000]))
    await asyncio.to_thread(reading.wait)
    await whole.encode(["short " * 500])
    assert not long.done()
    may_go_on.set()
    await long


async def test_a_new_turn_of_the_event_loop_has_room_again(model: Model) -> None:
    whole, tokenizer = encoder(model, 0)
    for _ in range(5):
        await whole.encode(["good " * 300])
        await asyncio.sleep(0)
    assert tokenizer.chars_in_loop == 5 * 1_500


async def test_a_remembered_text_may_still_be_too_long(model: Model) -> None:
    whole, _ = encoder(model)
    await whole.encode(["good " * 600])
    with pytest.raises(InvalidInput, match="text 1 has 602 tokens"):
        await whole.encode(["fine", "good " * 600], truncate=False)


async def test_what_is_remembered_takes_no_more_memory_than_counted(model: Model) -> None:
    whole, _ = encoder(model, 10_000)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(2_000):
            await whole.encode([f"good number {number} " * (1 + number % 9)])
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert whole._seen is not None  # noqa: SLF001  # its estimate is what is tested
    assert grown <= whole._seen._bytes <= 2 * grown  # noqa: SLF001  # see above
