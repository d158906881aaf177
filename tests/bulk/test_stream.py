from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, islice
from threading import Barrier, Event, Lock
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lightsleeper.bulk import stream
from lightsleeper.bulk.stream import FIRST_WINDOW_TEXTS, WINDOW_TEXTS, Answers, classify_all
from lightsleeper.errors import EngineFailed
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import TokenizedText


class LengthEngine:
    """Answers a text with its number of tokens; remembers what it was given."""

    def __init__(self) -> None:
        self.batches: list[Sequence[TokenizedText]] = []

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        self.batches.append(texts)
        return np.array([[len(text.ids), text.ids[1]] for text in texts], dtype=np.float32)

    def close(self) -> None:
        """Nothing to free."""

    @property
    def computed(self) -> int:
        """Texts run."""
        return sum(map(len, self.batches))


class GatedEngine(LengthEngine):
    """Runs nothing before it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.gate = Event(), Event()

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        self.begun.set()
        self.gate.wait()
        return super().run(texts)


class CrowdEngine(LengthEngine):
    """Counts how many batches run at once; the first waits for a second."""

    def __init__(self) -> None:
        super().__init__()
        self.running = self.most = 0
        self.lock, self.two = Lock(), Barrier(2)

    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
            first_two = len(self.batches) < 2
            answers = super().run(texts)
        if first_two:
            self.two.wait()
        with self.lock:
            self.running -= 1
        return answers


class FailingEngine(LengthEngine):
    def run(self, texts: Sequence[TokenizedText]) -> NDArray[np.float32]:  # noqa: ARG002  # as the engine is called
        raise RuntimeError("secret text")


@pytest.fixture
def engine() -> LengthEngine:
    return LengthEngine()


@pytest.fixture
def fast(model: Model, engine: LengthEngine) -> Model:
    """The real tokenizer, and an engine that costs nothing."""
    return replace(model, engine=engine)


def distinct(numbers: Iterable[int]) -> Iterator[str]:
    """Texts of 3 to 52 words, each another one."""
    return ("film " * (3 + number * 7 % 50) + str(number) for number in numbers)


@pytest.mark.parametrize("workers", [1, 3])
def test_answers_come_in_order_whatever_the_lengths(fast: Model, workers: int) -> None:
    texts = list(distinct(range(3 * WINDOW_TEXTS)))
    answers = classify_all(fast, iter(texts), workers=workers)
    assert [answer.logits[0] for answer in answers] == [len(text.ids) for text in fast.tokenizer.encode(texts)]


def test_what_is_no_text_keeps_its_place(fast: Model) -> None:
    answers = list(classify_all(fast, [None, "a b", None, "a b c", None], workers=2))
    assert [answer and answer.logits[0] for answer in answers] == [None, 4, None, 5, None]


def test_the_real_model_answers_as_it_answers_each_alone(model: Model) -> None:
    texts = list(distinct(range(40)))
    alone = [model.run([text])[0] for text in model.tokenizer.encode(texts)]
    assert [answer.logits for answer in classify_all(model, texts, workers=2)] == alone


def test_a_repeat_is_computed_once_however_far_away_and_however_spelt(fast: Model, engine: LengthEngine) -> None:
    texts = ["Again and again.", *distinct(range(2 * WINDOW_TEXTS)), "again AND  again."]
    first, *_, last = classify_all(fast, texts, workers=2)
    assert first == last
    assert engine.computed == len(texts) - 1


def test_a_repeat_in_the_window_that_is_computed_meanwhile_is_computed_once(fast: Model, engine: LengthEngine) -> None:
    again = list(distinct(range(FIRST_WINDOW_TEXTS)))
    answers = list(classify_all(fast, again * 6, workers=2))
    assert answers == answers[: len(again)] * 6
    assert engine.computed == len(again)


def test_what_one_call_computed_another_need_not(fast: Model, engine: LengthEngine) -> None:
    memory = Answers(fast.bundle.digest)
    for _ in range(2):
        list(classify_all(fast, distinct(range(100)), workers=1, memory=memory))
    assert engine.computed == 100


def test_a_text_that_is_cut_and_one_that_just_fits_share_an_answer_but_not_the_remark(
    fast: Model, engine: LengthEngine
) -> None:
    fits = "film " * (fast.bundle.manifest.max_tokens - 2)
    answers = list(classify_all(fast, [fits, fits + "film", fits], workers=1))
    assert [answer.truncated for answer in answers] == [False, True, False]
    assert engine.computed == 1


def test_an_endless_file_is_read_two_windows_ahead_and_no_further(fast: Model) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        for text in distinct(count()):
            read += 1
            yield text

    answers = classify_all(fast, endless(), workers=1)
    for taken, _ in enumerate(islice(answers, 5 * WINDOW_TEXTS), start=1):
        assert read <= taken + 2 * WINDOW_TEXTS
    del answers


def test_long_texts_end_a_window_early(fast: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "WINDOW_CHARS", 40_000)
    read = 0

    def long_texts() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "x" * 10_000

    answers = classify_all(fast, long_texts(), workers=1)
    next(answers)
    assert read <= 8
    del answers


def test_the_next_window_waits_for_the_workers_before_the_first_is_handed_out(
    fast: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[int] = []

    class Threads(ThreadPoolExecutor):
        """Notes how many texts were queued."""

        def submit(self, run: Any, texts: Any) -> Any:  # type: ignore[override]  # noqa: ANN401  # as it is called
            queued.append(len(texts))
            return super().submit(run, texts)

    monkeypatch.setattr(stream, "ThreadPoolExecutor", Threads)
    answers = classify_all(fast, distinct(range(WINDOW_TEXTS)), workers=1)
    next(answers)
    assert sum(queued) > FIRST_WINDOW_TEXTS
    del answers


@pytest.mark.parametrize("workers", [2, 8])
def test_a_few_texts_keep_every_worker_busy(fast: Model, engine: LengthEngine, workers: int) -> None:
    list(classify_all(fast, [f"film number {n}" for n in range(64)], workers=workers))
    assert len(engine.batches) >= workers


def test_no_batch_is_of_two_kinds_or_larger_than_it_may_be(fast: Model, engine: LengthEngine) -> None:
    list(classify_all(fast, distinct(range(WINDOW_TEXTS)), workers=1))
    assert {text.kind for batch in engine.batches for text in batch} == {32, 64}
    assert all(len({text.kind for text in batch}) == 1 for batch in engine.batches)
    tokens = [sum(len(text.ids) for text in batch) for batch in engine.batches]
    assert 512 < max(tokens) <= 1024


def test_a_failing_model_is_one_error_without_the_text(fast: Model) -> None:
    with pytest.raises(EngineFailed) as failure:
        list(classify_all(replace(fast, engine=FailingEngine()), ["a text"], workers=2))
    assert "text of" not in str(failure.value)
    assert "secret" not in str(failure.value)


def test_whoever_stops_reading_leaves_nothing_queued(fast: Model) -> None:
    engine = GatedEngine()

    def texts() -> Iterator[str]:
        yield from distinct(range(FIRST_WINDOW_TEXTS + 1))
        engine.begun.wait()
        raise KeyboardInterrupt

    with ThreadPoolExecutor(1) as threads:
        with pytest.raises(KeyboardInterrupt):
            list(classify_all(replace(fast, engine=engine), texts(), workers=1, threads=threads))
        engine.gate.set()
    assert len(engine.batches) == 1


def test_calls_that_share_threads_run_no_more_batches_at_once_than_one_call(fast: Model) -> None:
    engine = CrowdEngine()
    shared = replace(fast, engine=engine)
    with ThreadPoolExecutor(2) as threads, ThreadPoolExecutor(6) as callers:
        calls = [
            callers.submit(lambda: list(classify_all(shared, distinct(range(200)), workers=2, threads=threads)))
            for _ in range(6)
        ]
        answers = [call.result() for call in calls]
    assert answers == [answers[0]] * 6
    assert engine.most == 2
