"""Many texts on every core: in order, in bounded memory, what came before computed once.

Works window by window. While the workers compute one, the next is read, tokenised and cut into batches, so that none
of them waits for a file, and the rows of a window are handed out while the next is computed.
"""

from collections import ChainMap, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple, overload

from lightsleeper.cache.cache import KeyMaker, entry_bytes
from lightsleeper.cache.lru import Lru
from lightsleeper.errors import EngineFailed
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import Logits
from lightsleeper.model.tokenizer import TokenizedText

#: Texts sorted together: batches are full (256 and 4,096 cost the same CPU time to 2 %), and rows come steadily.
WINDOW_TEXTS = 1024
#: The first window is small, so that the first rows come soon; each is twice as large as the one before.
FIRST_WINDOW_TEXTS = 64
#: A window ends here too: at most 4 bytes each, twice, for as many texts as two windows hold.
WINDOW_CHARS = 4_000_000
#: 512 and 2,048 cost the same CPU time to 5 %; one text at a time costs 20 % more.
_BATCH_TOKENS = 1024

#: About 100,000 answers of two labels.
_MEMORY_BYTES = 32 << 20


class Answer(NamedTuple):
    """What the model says of one text."""

    logits: Logits
    #: Whether it read only the beginning.
    truncated: bool
    #: Whether it knows little of it.
    unfamiliar: bool
    #: Whether it read nothing: the text is blank, or of signs without a form.
    empty: bool


class Answers:
    """The latest answers of one model, by what it saw; shared by threads."""

    def __init__(self, bundle_digest: str) -> None:
        """`bundle_digest` is `Bundle.digest`."""
        self.key = KeyMaker(bundle_digest).key
        self._lock = Lock()
        self._latest: Lru[Logits] = Lru(_MEMORY_BYTES, _MEMORY_BYTES, entry_bytes)

    def known(self, keys: Iterable[bytes]) -> dict[bytes, Logits]:
        """Those of `keys` that are remembered."""
        with self._lock:
            found = {key: self._latest.get(key) for key in keys}
        return {key: logits for key, logits in found.items() if logits is not None}

    def remember(self, answers: Mapping[bytes, Logits]) -> None:
        """Keep them, and forget the oldest."""
        with self._lock:
            for key, logits in answers.items():
                self._latest.put(key, logits)


@dataclass(frozen=True, slots=True)
class _Window:
    """Texts in order, and what they are answered with."""

    #: By row: its key, and what the model saw; None where there is no text.
    rows: Sequence[tuple[bytes, TokenizedText] | None]
    running: "Sequence[tuple[Sequence[bytes], Future[list[Logits]]]]"
    #: What is known, and from `_finish` on all that was asked here.
    answers: dict[bytes, Logits]
    #: Those of the window before, which is finished first: what it computes is not computed again.
    before: Mapping[bytes, Logits]


@overload
def classify_all(
    model: Model,
    texts: Iterable[str],
    *,
    workers: int,
    memory: Answers | None = None,
    threads: ThreadPoolExecutor | None = None,
) -> Iterator[Answer]: ...


@overload
def classify_all(
    model: Model,
    texts: Iterable[str | None],
    *,
    workers: int,
    memory: Answers | None = None,
    threads: ThreadPoolExecutor | None = None,
) -> Iterator[Answer | None]: ...


def classify_all(
    model: Model,
    texts: Iterable[str | None],
    *,
    workers: int,
    memory: Answers | None = None,
    threads: ThreadPoolExecutor | None = None,
) -> Iterator[Answer | None]:
    """The answer to every text, in order, computed by `workers` threads; None for None.

    Holds two windows of texts at a time, so it may read an iterator without end. Calls that share `threads` (as many
    as `workers`) and `memory` compute no more at once than one of them does. Raises EngineFailed.
    """
    memory = memory or Answers(model.bundle.digest)
    ahead: deque[_Window] = deque()
    with ExitStack() as own:
        pool = threads or own.enter_context(ThreadPoolExecutor(workers, thread_name_prefix="inference"))
        try:
            for chunk in _windows(texts):
                ahead.append(_start(model, chunk, pool, workers, memory, before=ahead[0] if ahead else None))
                if len(ahead) > 1:
                    yield from _finish(ahead[0], memory)
                    ahead.popleft()
            for window in ahead:
                yield from _finish(window, memory)
        finally:  # whoever stops reading needs nothing of what is queued
            for window in ahead:
                for _, future in window.running:
                    future.cancel()


def _windows(texts: Iterable[str | None]) -> Iterator[list[str | None]]:
    """The texts in order."""
    window: list[str | None] = []
    chars, size = 0, FIRST_WINDOW_TEXTS
    for text in texts:
        window.append(text)
        chars += len(text or "")
        if len(window) == size or chars >= WINDOW_CHARS:
            yield window
            window, chars, size = [], 0, min(2 * size, WINDOW_TEXTS)
    if window:
        yield window


def _start(
    model: Model,
    texts: Sequence[str | None],
    threads: Executor,
    workers: int,
    memory: Answers,
    *,
    before: _Window | None,
) -> _Window:
    """Tokenise a window and queue its batches."""
    tokenized = model.tokenizer.encode([text for text in texts if text is not None])
    keys = [memory.key(text.ids) for text in tokenized]
    coming = {key for batch, _ in before.running for key in batch} if before else set()
    known = memory.known(set(keys) - coming)
    new = {key: text for key, text in zip(keys, tokenized, strict=True) if key not in known and key not in coming}
    running = [(batch, threads.submit(model.run, [new[key] for key in batch])) for batch in _batches(new, workers)]
    cells = iter(zip(keys, tokenized, strict=True))
    rows = [None if text is None else next(cells) for text in texts]
    return _Window(rows, running, known, before.answers if before else {})


def _finish(window: _Window, memory: Answers) -> Iterator[Answer | None]:
    """The answers of a window, in order, each as soon as it is there."""
    answers = ChainMap(window.answers, window.before)  # type: ignore[arg-type]  # writes go to the first alone
    running = iter(window.running)
    for row in window.rows:
        if row is None:
            yield None
            continue
        key, text = row
        while key not in answers:
            batch, future = next(running)
            computed = dict(zip(batch, _result(future), strict=True))
            memory.remember(computed)
            window.answers.update(computed)
        yield Answer(answers[key], text.truncated, text.unfamiliar, text.empty)


def _result(future: "Future[list[Logits]]") -> list[Logits]:
    try:
        return future.result()
    except Exception as error:
        raise EngineFailed("the model failed on a batch of texts") from error


def _batches(texts: Mapping[bytes, TokenizedText], workers: int) -> list[list[bytes]]:
    """Keys of texts of one kind, in the order of their first texts; small enough for every worker to get some."""
    share = sum(len(text.ids) for text in texts.values()) // (2 * workers)
    budget = min(_BATCH_TOKENS, max(share, 1))
    open_batches: dict[int, list[bytes]] = {}
    tokens: dict[int, int] = {}
    batches: list[list[bytes]] = []
    for key, text in texts.items():
        batch = open_batches.get(text.kind)
        if batch is None or tokens[text.kind] + len(text.ids) > budget:
            batch = open_batches[text.kind] = []
            tokens[text.kind] = 0
            batches.append(batch)
        batch.append(key)
        tokens[text.kind] += len(text.ids)
    return batches
