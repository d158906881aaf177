"""`lightsleeper bench` on bundles of every head: what is measured there does not ask what the outputs mean."""

from pathlib import Path

import pytest

pytest.importorskip("torch")

from checkpoints import write_checkpoint
from lightsleeper.capacity import bench
from lightsleeper.capacity.capacity import describe
from lightsleeper.training.prepare import prepare

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("labels", "task"),
    [(28, "multi-label"), (3, "single-label"), (1, "scoring"), (1, "regression")],
    ids=["28 labels", "one of three", "a score", "a regression"],
)
def test_any_head_is_measured_and_gets_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labels: int, task: str
) -> None:
    names = {index: f"name {index}" for index in range(labels)}
    source = write_checkpoint("bert", tmp_path / "source", id2label=names, label2id={v: k for k, v in names.items()})
    bundle = prepare(str(source), tmp_path / "bundle", task=task)
    monkeypatch.setattr(bench, "CONCURRENCIES", (1, 2))
    found = bench.measure(bundle.folder, cache_bytes=0, latency_target_ms=60_000, seconds=0.2)
    assert [level.concurrency for level in found.levels] == [1, 2]
    said = "\n".join(describe(found))
    for number in ("autoscaling.knative.dev/target", "containerConcurrency", "requests.memory", "limits.memory"):
        assert number in said
