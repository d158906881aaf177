"""Each engine, and what people use today, over a file of a text a line: what `many_rows.py` starts in turn."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightsleeper
from load import drive, serving, texts_of_length
from peers.contenders import PEERS, Peer, Places

MODEL2VEC = next(peer for peer in PEERS if peer.environment == "model2vec")
#: The form in which Intel publishes it for this architecture (int8, ONNX Runtime): 39 to 42 texts a second and core.
FIXED_TOKENS = 128
_FIXED_TEXTS = 512
#: The weights of the bundle as they ship; all others are made from its checkpoint.
OURS = "ours, int8"
#: As many as `POST /predict` takes at once.
_TEXTS_A_REQUEST = 64


@dataclass(frozen=True)
class Answer:
    """What a contender found beside the time it took."""

    #: A label a row, from those who are asked how often they are right.
    labels: Sequence[str] = ()
    #: Where only a part is what counts: rows, and the seconds of CPU and of the clock that they took.
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Contender:
    """Somebody who labels the rows of a file."""

    run: Callable[[Path, Places], Answer]
    weights: str = OURS
    #: Measured on fewer rows: it takes an hour for what ours does in minutes.
    slow: bool = False
    #: Makes texts of its own; the number of rows does not change it.
    own_texts: bool = False
    #: Says its labels, so that they can be compared with the right ones.
    answers: bool = False
    #: Must be installed and trained first.
    peer: Peer | None = None


def lines_of(file: Path) -> list[str]:
    """Its texts."""
    return file.read_text(encoding="utf-8").splitlines()


def command(file: Path, _: Places) -> Answer:
    """The command line."""
    options = ["--file", str(file), "--format", "txt", "--out", f"{file}.csv", "--quiet"]
    subprocess.run([sys.executable, "-m", "lightsleeper", "predict", *options], check=True)
    return Answer()


def python(file: Path, _: Places) -> Answer:
    """`load().scores`."""
    model = lightsleeper.load()
    return Answer([model.labels[best] for best in model.scores(lines_of(file)).argmax(axis=1)])


def duckdb(file: Path, _: Places) -> Answer:
    """SQL over the file."""
    import duckdb  # noqa: PLC0415  # each contender imports what it needs

    import lightsleeper.duckdb  # noqa: PLC0415  # see above

    connection = duckdb.connect()
    lightsleeper.duckdb.register(connection)
    columns = "columns={'text': 'VARCHAR'}, delim='\\x01', quote='', escape='', header=false"
    connection.execute(f"SELECT count(sentiment(text)) FROM read_csv('{file}', {columns})")  # our file
    return Answer()


def spark(file: Path, _: Places) -> Answer:
    """A function of a column, a worker per core."""
    os.environ["PYSPARK_PYTHON"] = sys.executable  # else the first python3 on the PATH
    from pyspark.sql import SparkSession  # noqa: PLC0415  # see above

    from lightsleeper.spark import sentiment  # noqa: PLC0415  # see above

    session = SparkSession.builder.master("local[*]").config("spark.driver.host", "127.0.0.1").getOrCreate()
    texts = session.read.text(str(file)).repartition(2 * _cores())
    texts.select(sentiment("value").alias("s")).select("s.label").write.mode("overwrite").parquet(f"{file}.spark")
    session.stop()
    return Answer()


def ray(file: Path, _: Places) -> Answer:
    """A pool of actors, one a core, each with a model of its own."""
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # it asks for a token by default
    import ray  # noqa: PLC0415  # see above
    from ray.data import ActorPoolStrategy  # noqa: PLC0415  # see above

    class Sentiment:
        def __init__(self) -> None:
            self.model = lightsleeper.load(threads=1)

        def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
            return {"label": [each and each.label for each in self.model.predict(batch["text"])]}

    # One CPU more than actors: reading and repartitioning wait for ever where actors hold them all.
    ray.init(num_cpus=_cores() + 1, include_dashboard=False, log_to_driver=False)
    texts = ray.data.read_text(str(file)).repartition(2 * _cores())
    pool = ActorPoolStrategy(size=_cores())
    texts.map_batches(Sentiment, batch_size=1024, compute=pool).write_parquet(f"{file}.ray")
    ray.shutdown()
    return Answer()


def service(file: Path, _: Places) -> Answer:
    """`POST /predict`, 64 texts a request, two requests in flight a core; what its client costs is counted."""
    texts = lines_of(file)
    parts = [texts[first : first + _TEXTS_A_REQUEST] for first in range(0, len(texts), _TEXTS_A_REQUEST)]
    # A closed loop of full requests is more than 0.3 s of work; what is measured is how fast it is done.
    variables = {"LIGHTSLEEPER_MAX_QUEUE_S": "60", "LIGHTSLEEPER_HOST": "127.0.0.1"}
    with serving([sys.executable, "-m", "lightsleeper", "serve"], variables) as server:
        drive(server.port, (json.dumps({"text": part}).encode() for part in parts), in_flight=2 * _cores())
    return Answer()


def fixed_tokens(_: Path, __: Places) -> Answer:
    """Texts of 128 tokens on one thread, its start left out: texts a second and core."""
    model = lightsleeper.load(threads=1)
    model.scores(texts_of_length(FIXED_TOKENS, 16, seed=1))
    texts = texts_of_length(FIXED_TOKENS, _FIXED_TEXTS)
    before_cpu_s, before_s = time.process_time(), time.perf_counter()
    model.scores(texts)
    wall_s, cpu_s = time.perf_counter() - before_s, time.process_time() - before_cpu_s
    return Answer(measured={"rows": len(texts), "cpu_s": cpu_s, "wall_s": wall_s})


def pipeline(file: Path, places: Places) -> Answer:
    """`transformers.pipeline(batch_size=32)`, texts as they come."""
    return Answer(_piped(lines_of(file), places))


def sorted_batches(file: Path, places: Places) -> Answer:
    """The same, sorted by length first, as sentence-transformers does."""
    _piped(sorted(lines_of(file), key=len, reverse=True), places)
    return Answer()


def _piped(texts: list[str], places: Places) -> list[str]:
    from transformers import pipeline  # noqa: PLC0415  # see above

    checkpoint = str(places.weights / "checkpoint")
    classify = pipeline("text-classification", model=checkpoint, batch_size=32, truncation=True)
    return [answer["label"] for answer in classify(texts)]


def model2vec(file: Path, places: Places) -> Answer:
    """Static embeddings of the same weights, and a head trained on labelled texts: the fast, weaker rival."""
    words = "{environments}/model2vec/bin/python {servers}/model2vec_rows.py {prepared}"
    labels = subprocess.run(
        [*MODEL2VEC.words(words, places), str(file)], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return Answer(labels.splitlines())


CONTENDERS: dict[str, Contender] = {
    "command": Contender(command),
    "python": Contender(python, answers=True),
    "duckdb": Contender(duckdb),
    "spark": Contender(spark),
    "ray": Contender(ray),
    "service": Contender(service),
    "pipeline": Contender(pipeline, "ours, float32", slow=True, answers=True),
    "sorted": Contender(sorted_batches, "ours, float32", slow=True),
    "model2vec": Contender(model2vec, "static", answers=True, peer=MODEL2VEC),
    "128-tokens": Contender(fixed_tokens, own_texts=True),
}


def _cores() -> int:
    return os.cpu_count() or 1
