"""What `lightsleeper.load` returns: texts → labels in your own process, without a server.

It is made for engines that copy it to their workers: it holds its arguments alone, opens the bundle at its first use,
once per process, and gives a dirty table an answer per row. Every answer is the service's, to the last digit.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightsleeper.bulk.stream import Answer, Answers, classify_all
from lightsleeper.errors import InvalidInput
from lightsleeper.model.bundle import EMBEDDED
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.model.head import Head
from lightsleeper.model.model import Model, load_model

OnError = Literal["null", "raise"]


class Prediction(NamedTuple):
    """The answer to one text."""

    #: The best label; None where the model answers with a number.
    label: str | None
    #: Its probability, or the number.
    score: float
    #: Every label with its probability, best first.
    scores: Mapping[str, float]
    #: Whether the model read only the beginning of the text.
    truncated: bool
    #: Whether it knows little of it: most words are none that it learned, or it is in another language.
    unfamiliar: bool
    #: The labels that apply, best first: where any number may, those from the threshold on, else the best one.
    labels: tuple[str, ...] = ()

    @property
    def cell(self) -> str | None:
        """The labels that apply in one cell of a table, with `|` between them; None where there is only a number."""
        return None if self.label is None else "|".join(self.labels)


class TextClassifier:
    """A bundle to be opened, and how to use it. Safe to share between threads, to fork and to pickle.

    >>> model = TextClassifier()
    >>> great, blank, dull = model.predict(["A great film.", "  ", "Dull and long."])
    >>> great.label, dull.label, blank
    ('POSITIVE', 'NEGATIVE', None)
    >>> model.labels
    ('NEGATIVE', 'POSITIVE')
    >>> model.scores(["A great film.", None]).shape
    (2, 2)
    """

    def __init__(
        self,
        bundle: str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        on_error: OnError = "null",
        engine: str = "onnx",
        device: str = "auto",
        threshold: float | None = None,
        top_k: int | None = None,
    ) -> None:
        """Open nothing yet; see `load`."""
        if threshold is not None and not 0 <= threshold <= 1:
            raise InvalidInput(f"threshold is {threshold}; from 0 to 1", field="threshold", limit=1)
        if top_k is not None and top_k < 1:
            raise InvalidInput(f"top_k is {top_k}; at least 1", field="top_k", limit=1)
        if threads is not None and threads < 1:
            raise InvalidInput(f"threads is {threads}; at least 1", field="threads", limit=1)
        if on_error not in {"null", "raise"}:
            raise InvalidInput(f"on_error is {on_error!r}; null or raise", field="on_error")
        if engine not in {"onnx", "torch"}:
            raise InvalidInput(f"engine is {engine!r}; onnx or torch", field="engine")
        if device not in {"auto", "cpu", "cuda"}:
            raise InvalidInput(f"device is {device!r}; auto, cpu or cuda", field="device")
        # Its arguments and nothing else: what is pickled. A worker elsewhere has the embedded bundle at its own place.
        self._bundle = None if bundle is None else Path(bundle).absolute()
        self._threads = threads
        self._on_error: OnError = on_error
        self._engine = engine
        self._device = device
        self._threshold = threshold
        self._top_k = top_k

    def __repr__(self) -> str:
        return f"lightsleeper.load({'' if self._bundle is None else repr(str(self._bundle))})"

    @property
    def labels(self) -> tuple[str, ...]:
        """Label names, in the order of the columns of `scores`."""
        return self.open().labels

    @property
    def digest(self) -> str:
        """The bundle's identity: sha256 of its manifest, in hex."""
        return self.open().bundle.digest

    def open(self) -> Model:
        """The opened bundle, one per process; BundleError if it cannot work. All else calls it when it needs it."""
        return self._open().model

    def predict(self, texts: Iterable[Any]) -> list[Prediction | None]:
        """One prediction per text, in order; None where there is nothing to read.

        That is what is blank, missing (None, NaN), no text, or of signs without a form. `texts` is a list, or a column
        of pandas, polars, numpy or Arrow. Raises EngineFailed if the model fails, and
        with `on_error="raise"` InvalidInput, which names the row, in place of every None.
        """
        return list(self.stream(texts))

    def stream(self, texts: Iterable[Any]) -> Iterator[Prediction | None]:
        """What `predict` gives, one after the other, in bounded memory: `texts` may have no end."""
        head = self.open().head
        for answer in self._answers(texts):
            yield None if answer is None else self._prediction(answer, head)

    def scores(self, texts: Iterable[Any]) -> NDArray[np.float32]:
        """Scores, float32 [texts, labels], of a regression as they are, else from 0 to 1.

        A row of NaN where `predict` gives None. Raises as `predict` does.
        """
        head = self.open().head
        nothing = [float("nan")] * len(head.labels)
        rows = [nothing if answer is None else head.scores(answer.logits) for answer in self._answers(texts)]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(head.labels))

    def _prediction(self, answer: Answer, head: Head) -> Prediction:
        ranked = head.rank(answer.logits)
        chosen = tuple(head.labels[at] for at in head.chosen(answer.logits, self._threshold)[: self._top_k])
        label = None if head.one_output else ranked[0].label
        return Prediction(
            label,
            ranked[0].score,
            dict(ranked),
            answer.truncated,
            answer.unfamiliar,
            () if head.one_output else chosen,
        )

    def _open(self) -> "_Opened":
        return _open(self._bundle or EMBEDDED, self._engine, self._device)

    def _answers(self, texts: Iterable[Any]) -> Iterator[Answer | None]:
        opened = self._open()
        threads = self._threads or worker_count(cpus())
        readable = map(self._readable, _values(texts), count())
        answers = classify_all(
            opened.model, readable, workers=threads, memory=opened.memory, threads=opened.threads(threads)
        )
        for row, answer in enumerate(answers):
            if answer is not None and answer.empty:
                self._refuse(row, "holds no sign that the model reads")
                yield None
            else:
                yield answer

    def _readable(self, value: Any, row: int) -> str | None:  # noqa: ANN401  # a table's cell may hold anything
        if isinstance(value, str):
            problem = _problem(value)
            if problem is None:
                return value
        else:
            problem = "is missing" if _is_missing(value) else f"is no text but a {type(value).__name__}"
        self._refuse(row, problem)
        return None

    def _refuse(self, row: int, problem: str) -> None:
        if self._on_error == "raise":
            raise InvalidInput(f"text {row} {problem}", field=f"texts[{row}]")


def load(
    bundle: str | os.PathLike[str] | None = None,
    *,
    threads: int | None = None,
    on_error: OnError = "null",
    engine: str = "onnx",
    device: str = "auto",
    threshold: float | None = None,
    top_k: int | None = None,
) -> TextClassifier:
    """A model for your own code; nothing is opened before its first use.

    >>> import lightsleeper
    >>> model = lightsleeper.load()
    >>> [prediction.label for prediction in model.predict(["A great film."])]
    ['POSITIVE']

    `bundle` is a folder, by default the one that ships. `threads` compute at once: by default one for each CPU that
    this process may use; give 1 to an engine that runs a worker per core. `on_error="raise"` refuses what `"null"`
    answers with None: rows that are blank, missing or no text. `engine="torch"` runs a bundle's checkpoint on `device`.
    Where any number of labels may apply, `threshold` (0.5) says from which score on, and `top_k` how many at most.

    Sets TOKENIZERS_PARALLELISM=false unless it is set: left alone, that library starts a thread per core of the
    machine, which no fork survives.
    """
    return TextClassifier(
        bundle,
        threads=threads,
        on_error=on_error,
        engine=engine,
        device=device,
        threshold=threshold,
        top_k=top_k,
    )


class _Opened:
    """A bundle in this process, and what all who use it here share: no engine's threads multiply ours."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.memory = Answers(model.bundle.digest)
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def threads(self, number: int) -> ThreadPoolExecutor:
        """The one pool of that many threads; it starts one when there is work for it."""
        return self._pools.setdefault(number, ThreadPoolExecutor(number, thread_name_prefix="inference"))


#: By process: a forked child must open its own, and must not take down what it inherited.
_opened: dict[tuple[int, Path, str, str], _Opened] = {}
_opening = Lock()


def _open(folder: Path, engine: str, device: str) -> _Opened:
    key = (os.getpid(), folder, engine, device)
    opened = _opened.get(key)
    if opened is None:
        with _opening:
            opened = _opened.get(key)
            if opened is None:
                os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
                opened = _opened[key] = _Opened(load_model(folder, engine, device))
    return opened


def _unlock() -> None:
    """A thread of the parent may have held the lock when this process was forked; it never lets go of it here."""
    global _opening  # noqa: PLW0603  # the lock of the process
    _opening = Lock()


os.register_at_fork(after_in_child=_unlock)


def _values(texts: Iterable[Any]) -> Iterable[Any]:
    """Python's own values, which a column hands out in one go far more cheaply than one by one."""
    if isinstance(texts, str | bytes) or getattr(texts, "ndim", 1) == 0:
        raise TypeError("texts is one text; hand over a list: [text]")
    named = any(hasattr(type(texts), name) for name in ("columns", "column_names"))  # pandas, polars; Arrow
    if named or isinstance(texts, Mapping) or getattr(texts, "ndim", 1) != 1:
        raise TypeError("texts is a table; hand over one of its columns")
    for name in ("to_pylist", "to_list", "tolist"):  # Arrow; pandas and polars; numpy
        values = getattr(texts, name, None)
        if values is not None:
            return values()  # type: ignore[no-any-return]  # each is a list
    return texts


def _problem(text: str) -> str | None:
    """Why the model cannot read `text`, if it cannot."""
    if not text or text.isspace():
        return "is blank"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not Unicode: it holds half of a surrogate pair"
    return None


def _is_missing(value: object) -> bool:
    """Whether it is None, or one of the many kinds of NaN, which alone differ from themselves or refuse to say."""
    if value is None:
        return True
    try:
        return bool(value != value)  # noqa: PLR0124  # NaN and NaT differ from themselves
    except (TypeError, ValueError):  # pandas.NA is neither; an array has no one truth
        return type(value).__name__ == "NAType"
