import asyncio
from array import array
from contextlib import AbstractContextManager

import pytest

from fakes import GatedRun
from lightsleeper.cache.cache import Cache, KeyMaker, LruCache, NoCache
from lightsleeper.errors import InvalidInput, Overloaded
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText
from lightsleeper.pipeline.batcher import Batcher
from lightsleeper.pipeline.classifier import Classifier
from lightsleeper.pipeline.encoding import Encoder
from queueing import open_batcher

pytestmark = pytest.mark.anyio


class CountingRun:
    """The real model, with a count of the texts it ran."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.texts = 0

    def __call__(self, texts: list[TokenizedText]) -> list[Logits]:
        self.texts += len(texts)
        return self._model.run(texts)


def classifier(model: Model, run: object, cache: Cache) -> tuple[Classifier, Batcher[TokenizedText, Logits]]:
    batcher = open_batcher(
        run,  # type: ignore[arg-type]  # a callable of either fake
        cost=lambda text: len(text.ids),
        kind=lambda text: text.kind,
    )
    batcher.start()
    encoder = Encoder(model.tokenizer, KeyMaker(model.bundle.digest), max_entries=100)
    return Classifier(encoder=encoder, cache=cache, batcher=batcher), batcher


async def test_answers_come_in_the_order_of_the_texts(model: Model) -> None:
    whole, batcher = classifier(model, model.run, NoCache())
    texts = ["good", "bad " * 40, "good", "It was fine, I suppose.", "bad"]
    together = (await whole.classify(texts)).logits
    alone = [(await whole.classify([text])).logits[0] for text in texts]
    assert together == alone
    await batcher.close(1)


async def test_a_repeat_in_other_case_and_spacing_is_a_hit(model: Model) -> None:
    run = CountingRun(model)
    whole, batcher = classifier(model, run, LruCache(10, 10_000))
    first = await whole.classify(["A lovely café"])
    again = await whole.classify(["  a LOVELY cafe "])
    assert (first.hits, again.hits, run.texts) == (0, 1, 1)
    assert first.logits == again.logits
    await batcher.close(1)


async def test_what_was_cut_off_does_not_matter_to_the_cache(model: Model) -> None:
    whole, batcher = classifier(model, model.run, LruCache(10, 10_000))
    await whole.classify(["good " * 600 + "first"])
    again = await whole.classify(["good " * 600 + "second"])
    assert (again.hits, again.truncated) == (1, [0])
    await batcher.close(1)


async def test_to_find_where_texts_are_cut_is_work_that_is_counted(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, batcher = classifier(model, model.run, NoCache())
    texts = ["good " * 600, "good " * 700]
    counted: list[int] = []
    counting = batcher.admission.counting

    def noted(chars: int) -> AbstractContextManager[None]:
        counted.append(chars)
        return counting(chars)

    monkeypatch.setattr(batcher.admission, "counting", noted)
    assert await whole.cut_at(texts) == [2_549, 2_549]
    assert counted == [6_500]
    # Who was answered is told the rest, whoever has filled the queue meanwhile.
    with batcher.admission.expecting(3_700_000, 1):
        assert await whole.cut_at(texts) == [2_549, 2_549]
    await batcher.close(1)


async def test_a_sentence_does_not_wait_for_a_large_request_that_holds_it_too(model: Model) -> None:
    held = GatedRun()

    def run(texts: list[TokenizedText]) -> list[Logits]:
        if len(texts) > 1:
            held(texts)
        return model.run(texts)

    whole, batcher = classifier(model, run, NoCache())
    large = asyncio.create_task(whole.classify(["word " * 200, *(f"{number} words" for number in range(300)), "good"]))
    await asyncio.to_thread(held.began.acquire)
    assert (await whole.classify(["good"])).logits
    assert not large.done()
    held.gate.set()
    await large
    await batcher.close(1)


async def test_an_explanation_that_has_no_room_is_refused_before_its_text_is_tokenised(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, batcher = classifier(model, model.run, NoCache())
    text = " ".join(f"word {number}" for number in range(100))
    assert len((await whole.leave_one_out(text))[1]) == 200
    monkeypatch.setattr(Encoder, "encode", None)
    with batcher.admission.expecting(3_700_000, 1), pytest.raises(Overloaded):
        await whole.leave_one_out(text)
    await batcher.close(1)


async def test_the_same_text_twice_in_a_request_runs_once(model: Model) -> None:
    run = CountingRun(model)
    whole, batcher = classifier(model, run, NoCache())
    answer = await whole.classify(["same", "same", "SAME"])
    assert run.texts == 1
    assert len(set(answer.logits)) == 1
    await batcher.close(1)


async def test_five_hundred_simultaneous_requests_for_a_new_text_cost_one_inference(model: Model) -> None:
    run = CountingRun(model)
    whole, batcher = classifier(model, run, LruCache(10, 10_000))
    answers = await asyncio.gather(*(whole.classify(["new"]) for _ in range(500)))
    assert run.texts == 1
    assert len({answer.logits[0] for answer in answers}) == 1
    await batcher.close(1)


async def test_a_caller_that_leaves_withdraws_its_queued_text(model: Model) -> None:
    run = GatedRun()
    whole, batcher = classifier(model, run, NoCache())
    first = asyncio.create_task(whole.classify(["first"]))
    await asyncio.to_thread(run.began.acquire)
    leaver = asyncio.create_task(whole.classify(["second"]))
    while not batcher.admission.fullest()[0]:  # noqa: ASYNC110  # one turn of the loop each, not a wait
        await asyncio.sleep(0)
    leaver.cancel()
    await asyncio.wait([leaver])
    run.gate.set()
    await first
    await batcher.close(1)
    assert len(run.batches) == 1


async def test_a_caller_that_leaves_does_not_cost_the_others_their_answer(model: Model) -> None:
    run = GatedRun()
    whole, batcher = classifier(model, lambda texts: [(0.0, 1.0) for _ in run(texts)], LruCache(10, 10_000))
    leaver = asyncio.create_task(whole.classify(["first"]))
    await asyncio.to_thread(run.began.acquire)
    stayer = asyncio.create_task(whole.classify(["first"]))
    await asyncio.sleep(0)
    leaver.cancel()
    run.gate.set()
    answer = await stayer
    assert (await whole.classify(["first"])).hits == 1
    assert answer.logits == [(0.0, 1.0)]
    await batcher.close(1)


async def test_refusing_truncation_stops_before_any_work(model: Model) -> None:
    run = CountingRun(model)
    whole, batcher = classifier(model, run, NoCache())
    with pytest.raises(InvalidInput, match="602 tokens"):
        await whole.classify(["good " * 600], truncate=False)
    assert run.texts == 0
    await batcher.close(1)


def test_keys_differ_between_bundles_and_agree_within_one() -> None:
    ids = array("I", [101, 2204, 102])
    one, other = KeyMaker("00" * 32), KeyMaker("01" * 32)
    assert one.key(ids) == KeyMaker("00" * 32).key(ids)
    assert one.key(ids) != other.key(ids)
    assert one.key(ids) != one.key(array("I", [101, 2204, 2204, 102]))
