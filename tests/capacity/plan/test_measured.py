"""From what `bench` measured to what a simulated pod takes."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from knative_replays import Listed
from lightsleeper.capacity.capacity import Capacity, Level
from lightsleeper.capacity.plan.measured import of_capacity, of_file
from lightsleeper.capacity.plan.scaling import Scaling
from lightsleeper.capacity.plan.simulation import simulate
from lightsleeper.errors import ConfigurationError

LEVELS = (Level(1, 200, 4, 8, 0.9), Level(12, 270, 40, 80, 1.0), Level(48, 280, 170, 300, 1.0))
MEASURED = Capacity(
    cpus=1,
    tokens=32,
    latency_target_ms=250,
    service_times=(),
    levels=LEVELS,
    wake_s=0.5,
    usual_mib=100,
    peak_mib=200,
    cache_mib=32,
    shared_cpus=False,
)


def test_a_pod_takes_what_was_measured_with_as_many_in_flight_as_it_may_hold() -> None:
    found = of_capacity(MEASURED, 48)
    assert (found.alone_ms, found.rate) == (5, 280)
    assert of_capacity(MEASURED, 12).rate == 270
    assert of_capacity(MEASURED, 0).rate == 280, "no limit"
    assert of_capacity(MEASURED, 1).rate == 200


def test_what_bench_prints_as_json_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(asdict(MEASURED)))
    assert of_file(file, 48) == of_capacity(MEASURED, 48)
    assert (of_file(file, 48).cpus, of_file(file, 48).batch_texts) == (1, 32)
    file.write_text(json.dumps({**asdict(MEASURED), "cpus": 2, "tokens": 256}))
    assert (of_file(file, 48).cpus, of_file(file, 48).batch_texts) == (2, 4)


@pytest.mark.parametrize("p99_ms", [5.5, 8, 20])
@pytest.mark.parametrize("limit", [0, 1, 48])
def test_of_a_hundred_that_are_alone_the_slowest_takes_what_was_measured(p99_ms: float, limit: int) -> None:
    measured = replace(MEASURED, levels=(replace(LEVELS[0], p99_ms=p99_ms), *LEVELS[1:]))
    traffic = Listed([0.1 * n for n in range(20_000)], None)
    scaling = Scaling(min_scale=1, container_concurrency=limit)
    found = simulate(traffic, scaling, of_capacity(measured, limit))
    assert found.latencies.quantile_ms(0.99) == pytest.approx(p99_ms, rel=0.06)
    assert found.busy_s == pytest.approx(20_000 * of_capacity(measured, limit).bottleneck_s(limit), rel=0.03)


@pytest.mark.parametrize(
    "levels",
    [
        [],
        [{"concurrency": 2, "requests_per_s": 200, "p50_ms": 4, "p99_ms": 8}],
        [{"concurrency": 1, "requests_per_s": 0, "p50_ms": 4, "p99_ms": 8}],
        [{"concurrency": 1, "requests_per_s": "many", "p50_ms": 4, "p99_ms": 8}],
        [{"concurrency": 1}],
        ["many"],
        "many",
        None,
    ],
    ids=str,
)
def test_what_bench_never_printed_is_refused(tmp_path: Path, levels: object) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({"levels": levels}))
    with pytest.raises(ConfigurationError, match="bench"):
        of_file(file, 48)


@pytest.mark.parametrize(
    "wrong", [{"cpus": 0}, {"cpus": "1"}, {"cpus": 1.5}, {"tokens": 0}, {"tokens": 10**6}], ids=str
)
def test_a_pod_that_nobody_measured_is_refused(tmp_path: Path, wrong: dict[str, object]) -> None:
    file = tmp_path / "bench.json"
    file.write_text(json.dumps({**asdict(MEASURED), **wrong}))
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        of_file(file, 48)
