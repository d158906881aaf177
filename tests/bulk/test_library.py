import doctest
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

import lightsleeper
from lightsleeper.bulk import library
from lightsleeper.bulk.library import TextClassifier
from lightsleeper.bulk.records.findings import FOUND
from lightsleeper.errors import BundleError, InvalidInput
from lightsleeper.model.model import Model, load_model

#: One of each width up to the longest, a repeat, case and accents, one that is cut, one that is strange.
TEXTS = [
    *("A film " + "that goes on and on " * n + "and ends well." for n in range(0, 60, 7)),
    "Great film!",
    "great FILM!",
    "Une comédie très drôle… 😡",
    "It never ends, " * 400,
    "这部电影很好看",
]


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    return lightsleeper.load()


def test_its_examples_are_true() -> None:
    tried = doctest.testmod(library)
    assert tried.attempted >= 8
    assert tried.failed == 0


def imported_by(code: str) -> set[str]:
    """The modules that `code` brings into a bare Python."""
    script = f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    return set(subprocess.check_output([sys.executable, "-c", script], text=True).split())


def test_the_package_imports_nothing_but_itself() -> None:
    roots = {name.partition(".")[0] for name in imported_by("import lightsleeper")}
    assert roots <= {"lightsleeper", *imported_by("import typing")}


def test_a_first_answer_needs_no_web_stack() -> None:
    roots = {name.partition(".")[0] for name in imported_by("import lightsleeper; lightsleeper.load().predict(['x'])")}
    assert "onnxruntime" in roots
    assert not roots & {"fastapi", "starlette", "uvicorn", "pydantic", "redis", "opentelemetry", "httpx", "asyncio"}


@pytest.mark.parametrize("threads", [1, 2, None])
def test_every_answer_is_the_services_to_the_last_digit(client: TestClient, threads: int | None) -> None:
    served = client.post("/predict", json={"text": TEXTS}).json()
    predictions = lightsleeper.load(threads=threads).predict(TEXTS)
    assert [p and list(p.scores.items()) for p in predictions] == [
        [(label["label"], label["score"]) for label in labels] for labels in served["predictions"]
    ]
    assert [row for row, p in enumerate(predictions) if p and p.truncated] == served["truncated"]
    assert [row for row, p in enumerate(predictions) if p and p.unfamiliar] == served["unfamiliar"]


def test_the_command_line_gives_the_same(classifier: TextClassifier, tmp_path: Path) -> None:
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in TEXTS))
    done = subprocess.check_output(
        [sys.executable, "-m", "lightsleeper", "predict", "--file", tmp_path / "texts.jsonl", "--output-format=jsonl"]
    )
    rows = [json.loads(line) for line in done.splitlines()]
    assert [tuple(row[name] for name in FOUND[:4]) for row in rows] == [
        (p.label, round(p.score, 6), p.truncated, p.unfamiliar) for p in classifier.predict(TEXTS) if p
    ]


def test_scores_are_the_same_numbers_in_the_order_of_the_labels(classifier: TextClassifier) -> None:
    scores = classifier.scores(TEXTS)
    assert scores.dtype == np.float32
    assert scores.tolist() == [
        [float(np.float32(p.scores[label])) for label in classifier.labels] for p in classifier.predict(TEXTS) if p
    ]


def test_the_digest_is_the_services(classifier: TextClassifier, client: TestClient) -> None:
    assert classifier.digest == client.get("/model").json()["digest"]


DIRTY = [
    "",
    " \n\t",
    "\u200b\u00ad",
    None,
    float("nan"),
    np.float64("nan"),
    np.datetime64("NaT"),
    5,
    b"bytes",
    ["a"],
    "half \ud83d",
]


@pytest.mark.parametrize("cell", DIRTY, ids=repr)
def test_a_cell_that_is_no_text_is_none_and_its_neighbours_are_answered(
    classifier: TextClassifier, cell: object
) -> None:
    before, nothing, after = classifier.predict(["Wonderful!", cell, "Awful."])
    assert (before and before.label, nothing, after and after.label) == ("POSITIVE", None, "NEGATIVE")
    assert np.isnan(classifier.scores(["Wonderful!", cell, "Awful."])).tolist() == [
        [False] * 2,
        [True] * 2,
        [False] * 2,
    ]


@pytest.mark.parametrize("cell", DIRTY, ids=repr)
def test_whoever_asks_for_it_is_told_the_row(cell: object) -> None:
    with pytest.raises(InvalidInput, match=r"^text 1 (is|holds) ") as refusal:
        lightsleeper.load(on_error="raise").predict(["Wonderful!", cell, "Awful."])
    assert refusal.value.field == "texts[1]"


def test_no_texts_have_no_answers(classifier: TextClassifier) -> None:
    assert classifier.predict([]) == []
    assert classifier.scores([]).shape == (0, 2)


def test_a_column_of_numpy_is_read(classifier: TextClassifier) -> None:
    labels = [p and p.label for p in classifier.predict(np.array(["Wonderful!", None, "Awful."], dtype=object))]
    assert labels == ["POSITIVE", None, "NEGATIVE"]


@pytest.mark.parametrize("text", ["one text", b"bytes", np.array("one text")], ids=["str", "bytes", "numpy"])
def test_one_text_is_no_list_of_letters(classifier: TextClassifier, text: Any) -> None:  # noqa: ANN401  # on purpose
    with pytest.raises(TypeError, match=r"\[text\]"):
        classifier.predict(text)


@pytest.mark.parametrize(
    "table",
    [
        {"text": ["Wonderful!"]},
        pa.table({"text": ["Wonderful!"]}),
        np.array([["Wonderful!"]]),
    ],
    ids=["dict", "arrow", "numpy"],
)
def test_a_table_is_no_column(classifier: TextClassifier, table: Any) -> None:  # noqa: ANN401  # on purpose
    with pytest.raises(TypeError, match="one of its columns"):
        classifier.predict(table)


@pytest.mark.bulk
@pytest.mark.parametrize("library_name", ["pandas", "polars"])
def test_a_frame_is_no_column(classifier: TextClassifier, library_name: str) -> None:
    frame = import_module(library_name).DataFrame({"text": ["Wonderful!", None]})
    assert [p and p.label for p in classifier.predict(frame["text"])] == ["POSITIVE", None]
    with pytest.raises(TypeError, match="one of its columns"):
        classifier.predict(frame)


def test_the_engines_are_there_without_another_import() -> None:
    code = "import sys, lightsleeper; assert 'duckdb' not in sys.modules; lightsleeper.duckdb"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    installed = find_spec("duckdb") is not None
    assert done.returncode == 0 if installed else done.stderr.strip().endswith("No module named 'duckdb'")


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"threads": 0}, "threads"),
        ({"on_error": "skip"}, "on_error"),
        ({"engine": "tourch"}, "engine"),
        ({"device": "gpu7"}, "device"),
    ],
)
def test_an_argument_that_cannot_work_is_named_at_once(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        lightsleeper.load(**arguments)
    assert refusal.value.field == field


def test_a_bundle_is_missed_at_its_first_use(tmp_path: Path) -> None:
    elsewhere = lightsleeper.load(tmp_path / "on-the-worker")
    assert "on-the-worker" in repr(elsewhere)
    with pytest.raises(BundleError, match=r"cannot read bundle\.json"):
        elsewhere.predict(["Wonderful!"])


def test_it_pickles_to_its_arguments_open_or_not(tmp_path: Path) -> None:
    used, unused = lightsleeper.load(threads=1), lightsleeper.load(threads=1)
    used.predict(["Wonderful!"])
    assert pickle.dumps(used) == pickle.dumps(unused)
    assert len(pickle.dumps(unused)) < 300
    assert str(Path(lightsleeper.__file__).parent).encode() not in pickle.dumps(unused)
    copy = pickle.loads(pickle.dumps(lightsleeper.load(tmp_path, threads=3, on_error="raise")))
    assert vars(copy) == vars(lightsleeper.load(tmp_path, threads=3, on_error="raise"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The bundles opened by this process, which begins anew."""
    folders: list[Path] = []

    def counted(folder: Path, engine: str, device: str) -> Model:
        folders.append(folder)
        return load_model(folder, engine, device)

    monkeypatch.setattr(library, "_opened", {})
    monkeypatch.setattr(library, "load_model", counted)
    return folders


def test_it_is_opened_once_by_however_many_threads(opened: list[Path]) -> None:
    begin = Barrier(8)

    def predict(number: int) -> object:
        begin.wait()
        return lightsleeper.load(threads=1 + number % 2).predict(["Wonderful!"])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(predict, range(8)))
    assert len(opened) == 1
    assert answers == [answers[0]] * 8


def test_it_is_opened_at_the_first_use(opened: list[Path]) -> None:
    classifier = lightsleeper.load()
    assert not opened
    assert classifier.labels
    assert len(opened) == 1


def labels_in_a_worker(texts: list[str]) -> tuple[int, list[str | None]]:
    """What a worker process answers, and who it is."""
    return os.getpid(), [p.label for p in lightsleeper.load(threads=1).predict(texts) if p]


@pytest.fixture
def another_thread_opens() -> Iterator[None]:
    """A thread of this process is just opening a bundle."""
    holds, done = Event(), Event()

    def hold() -> None:
        with library._opening:  # noqa: SLF001  # to be caught at the worst moment
            holds.set()
            done.wait()

    thread = Thread(target=hold)
    thread.start()
    holds.wait()
    yield
    done.set()
    thread.join()


@pytest.mark.usefixtures("another_thread_opens")
def test_a_forked_process_answers_though_its_parent_was_opening_one() -> None:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        _, labels = pool.apply_async(labels_in_a_worker, [["Wonderful!"]]).get()
    assert labels == ["POSITIVE"]


def test_forked_processes_open_their_own(classifier: TextClassifier) -> None:
    texts = TEXTS[:3]
    expected = [p.label for p in classifier.predict(texts) if p]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        answers = [pool.apply_async(labels_in_a_worker, [texts]) for _ in range(4)]
        for answer in answers:
            worker, labels = answer.get()
            assert worker != os.getpid()
            assert labels == expected
    assert [p.label for p in classifier.predict(texts) if p] == expected
