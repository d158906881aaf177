"""Whether the service grows straight: texts a second against cores, tokens, texts in flight, labels and cache entries.

    python tests/benchmarks/growth.py [PICTURE.svg]

Requests carry one text each, all different, over loopback. A figure counts per second of the service's own CPU time,
which hardly depends on what else the machine is doing; a cliff is a step after which it is less than half of what it
was, for work that is counted alike on both sides. With PICTURE the table is drawn, too (needs the group `load`).
"""

import argparse
import os
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import file_digest
from itertools import chain, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from lightsleeper.cache.cache import LruCache
from lightsleeper.model.bundle import EMBEDDED, MODEL, open_bundle, write_manifest
from load import Server, drive, mixed_texts, one_each, serving, texts_of_length

OURS = [sys.executable, "-m", "lightsleeper", "serve"]
TEXTS = 300
ROUNDS = 3
CORES = (1, 2)
TOKENS = (8, 16, 32, 64, 128, 256, 512)
IN_FLIGHT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
LABELS = (2, 4, 7, 14, 28)
ENTRIES = (1_000, 10_000, 100_000, 1_000_000)

#: No cache, and a queue that holds whatever is sent: nothing is refused, all is computed.
MISSES = {
    "LIGHTSLEEPER_CACHE_ENTRIES": "0",
    "LIGHTSLEEPER_MAX_QUEUE_S": "3600",
    "LIGHTSLEEPER_REQUEST_TIMEOUT_S": "600",
    "LIGHTSLEEPER_LOG_LEVEL": "error",
}


@dataclass(frozen=True)
class Point:
    """One measurement."""

    axis: str
    at: int
    #: What is counted, per second on the clock and per second of the service's CPU.
    unit: str
    per_s: float
    per_cpu_s: float
    resident_mb: float


def main() -> None:
    """Measure every axis, print the table, draw it if asked to; exit 1 at a cliff."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("picture", nargs="?", type=Path, help="where to draw the table")
    picture = parser.parse_args().picture
    points: list[Point] = []
    print("| axis | at | counted | per s | per CPU second | resident MB |\n|---|---|---|---|---|---|")
    for each in chain(_cores(), _tokens(), _in_flight(), _labels(), _entries()):
        points.append(each)
        print(
            f"| {each.axis} | {each.at:,} | {each.unit} | {each.per_s:,.0f} | {each.per_cpu_s:,.0f} "
            f"| {each.resident_mb:,.0f} |",
            flush=True,
        )
    if picture:
        _draw(points, picture)
    cliffs = [
        f"{after.axis}: {before.at:,} → {after.at:,}"
        for before, after in pairwise(points)
        if before.axis == after.axis and after.per_cpu_s < before.per_cpu_s / 2
    ]
    print("\nno cliff" if not cliffs else "\ncliffs: " + "; ".join(cliffs))
    sys.exit(bool(cliffs))


def _cores() -> Iterator[Point]:
    for cores in CORES:
        with _service(cores=cores) as server:
            yield _measured(server, "cores", cores, one_each(mixed_texts(TEXTS)), in_flight=32)


def _tokens() -> Iterator[Point]:
    """Tokens, not texts: a long text is many."""
    with _service() as server:
        for tokens in TOKENS:
            count = max(16, min(TEXTS, 8_000 // tokens))
            point = _measured(server, "tokens", tokens, one_each(texts_of_length(tokens, count)), in_flight=32)
            yield replace(point, unit="tokens", per_s=point.per_s * tokens, per_cpu_s=point.per_cpu_s * tokens)


def _in_flight() -> Iterator[Point]:
    with _service() as server:
        for in_flight in IN_FLIGHT:
            bodies = one_each(mixed_texts(max(TEXTS, in_flight)))
            yield _measured(server, "in flight", in_flight, bodies, in_flight=in_flight)


def _labels() -> Iterator[Point]:
    for labels in LABELS:
        with TemporaryDirectory() as folder, _service(bundle=_with_labels(labels, Path(folder, "bundle"))) as server:
            yield _measured(server, "labels", labels, one_each(mixed_texts(TEXTS)), in_flight=32)


def _entries() -> Iterator[Point]:
    """Lookups in the memory of one process; how much each of them holds shows in what this process has resident."""
    draw = random.Random(0)
    for entries in ENTRIES:
        cache = LruCache(entries, 1 << 40)
        keys = [number.to_bytes(16) for number in range(entries)]
        for key in keys:
            cache.put_many({key: (0.5, -0.5)})
        asked = [[key] for key in draw.choices(keys, k=100_000)]
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        for each in asked:
            cache.peek(each)
        took_s, took_cpu_s = time.perf_counter() - began_s, time.process_time() - began_cpu_s
        resident_mb = Server(0, os.getpid(), 0).resident_mb()
        yield Point("cache entries", entries, "lookups", len(asked) / took_s, len(asked) / took_cpu_s, resident_mb)


def _measured(server: Server, axis: str, at: int, bodies: Sequence[bytes], *, in_flight: int) -> Point:
    """The best of some rounds: what disturbs a run only makes it slower."""
    drive(server.port, bodies[: max(16, in_flight)], in_flight=in_flight)
    rounds = []
    for _ in range(ROUNDS):
        began_cpu_s = server.cpu_s()
        sample = drive(server.port, bodies, in_flight=in_flight)
        rounds.append((sample.per_s, len(bodies) / (server.cpu_s() - began_cpu_s)))
    per_s, per_cpu_s = (max(values) for values in zip(*rounds, strict=True))
    return Point(axis, at, "texts", per_s, per_cpu_s, server.resident_mb())


@contextmanager
def _service(*, cores: int = 1, bundle: Path = EMBEDDED) -> Iterator[Server]:
    """The service on the first `cores` CPUs, with as many workers."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(before)[:cores])  # inherited
    environment = MISSES | {"LIGHTSLEEPER_WORKERS": str(cores), "LIGHTSLEEPER_BUNDLE": str(bundle)}
    with serving(OURS, environment) as server:
        os.sched_setaffinity(0, before)
        yield server


def _with_labels(labels: int, folder: Path) -> Path:
    """The embedded bundle with so many labels: the rows of its classifier, over and over."""
    import onnx  # noqa: PLC0415  # of the group `torch`, which --help does without
    from onnx import numpy_helper  # noqa: PLC0415  # see above

    from lightsleeper.training.export import save  # noqa: PLC0415  # see above

    shutil.copytree(EMBEDDED, folder)
    model = onnx.load(folder / MODEL)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("model.classifier."):
            rows = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(np.resize(rows, (labels, *rows.shape[1:])), tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].ClearField("dim_value")
    save(model, folder / MODEL)
    manifest = open_bundle(EMBEDDED).manifest
    files = {}
    for name in manifest.files:
        with (folder / name).open("rb") as file:
            files[name] = {"sha256": file_digest(file, "sha256").hexdigest(), "bytes": (folder / name).stat().st_size}
    names = tuple(f"label {number}" for number in range(labels))
    write_manifest(replace(manifest, labels=names, files=files), folder)
    return folder


def _draw(points: Sequence[Point], picture: Path) -> None:
    from matplotlib import pyplot as plt  # noqa: PLC0415  # only who asks for a picture needs it

    axes = list(dict.fromkeys(each.axis for each in points))
    figure, panels = plt.subplots(1, len(axes), figsize=(3.2 * len(axes), 2.8), layout="constrained")
    for panel, axis in zip(panels, axes, strict=True):
        own = [each for each in points if each.axis == axis]
        panel.plot([each.at for each in own], [each.per_cpu_s for each in own], "o-")
        panel.set(title=axis, xscale="log", ylim=(0, None), ylabel=f"{own[0].unit} per CPU second")
    figure.savefig(picture)


if __name__ == "__main__":
    main()
