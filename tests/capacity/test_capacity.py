import asyncio
import os
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from lightsleeper.capacity.bench import measure, measure_levels
from lightsleeper.capacity.capacity import Capacity, Level, ServiceTime, as_json, describe
from lightsleeper.errors import LightsleeperError
from lightsleeper.model.bundle import EMBEDDED


def capacity(*levels: Level) -> Capacity:
    return Capacity(
        cpus=1,
        tokens=32,
        latency_target_ms=100,
        service_times=(ServiceTime(8, 1, 2.0),),
        levels=levels,
        wake_s=0.5,
        usual_mib=100,
        peak_mib=200,
        cache_mib=32,
        shared_cpus=False,
    )


MEASURED = capacity(
    Level(1, 80, 12, 20, 0.8),
    Level(4, 100, 40, 60, 1.0),
    Level(8, 101, 80, 99, 1.0),
    Level(16, 102, 160, 200, 1.0),
)


def test_the_target_is_half_of_the_fewest_in_flight_that_use_the_pod_up() -> None:
    assert (MEASURED.saturation.concurrency, MEASURED.target) == (4, 2)
    assert capacity(Level(1, 5, 20, 30, 1.0), Level(2, 5, 40, 60, 1.0)).target == 1


def test_the_hard_limit_is_the_most_in_flight_that_meets_the_latency_target() -> None:
    assert MEASURED.container_concurrency == 8


def test_a_pod_that_never_meets_the_target_takes_one_request_at_a_time() -> None:
    assert capacity(Level(1, 5, 200, 300, 1.0), Level(2, 5, 400, 600, 1.0)).container_concurrency == 1


def test_the_cpu_request_is_what_was_used_at_the_level_that_knative_keeps() -> None:
    # 70 % of 2 in flight is 1.4: 1 is less, so it is what 4 took.
    assert (MEASURED.kept_at.concurrency, MEASURED.cpu_request_m) == (4, 1000)
    some = capacity(Level(1, 50, 12, 20, 0.5), Level(2, 70, 12, 20, 0.71), Level(4, 100, 40, 60, 1.0))
    assert some.cpu_request_m == 750
    more = capacity(Level(1, 50, 12, 20, 0.5), Level(3, 90, 12, 20, 0.88), Level(8, 100, 40, 60, 1.0))
    assert (more.saturation.concurrency, more.target, more.cpu_request_m) == (8, 4, 900)


def test_no_more_cpu_is_asked_for_than_there_is() -> None:
    """Kubernetes refuses a request above its limit, and a clock finds 1.02 CPUs where there is 1."""
    assert capacity(Level(1, 5, 20, 30, 1.02), Level(2, 5, 40, 60, 1.0)).cpu_request_m == 1000


def test_programs_are_told_what_people_are() -> None:
    assert as_json(MEASURED)["recommended"] == {
        "target": 2,
        "containerConcurrency": 8,
        "resources": {"requests": {"cpu": "1000m", "memory": "160Mi"}, "limits": {"cpu": "1", "memory": "320Mi"}},
    }


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tokens": 0}, "--tokens must be 8 to 512, all that the model reads, not 0"),
        ({"tokens": 513}, "--tokens must be 8 to 512"),
        ({"latency_target_ms": float("nan")}, "--latency-target-ms must be above 0, not nan"),
        ({"latency_target_ms": -1}, "--latency-target-ms must be above 0"),
        ({"cpus": 10_000}, "10000 cannot be measured"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_said_before_anything_is(wrong: dict[str, float], said: str) -> None:
    with pytest.raises(LightsleeperError, match=said):
        measure(Path(EMBEDDED), cache_bytes=0, **wrong)  # type: ignore[arg-type]  # each of its own type


def test_memory_holds_a_full_cache_and_at_its_limit_the_largest_requests() -> None:
    assert (MEASURED.memory_request_mib, MEASURED.memory_limit_mib) == (160, 320)


def test_the_report_names_what_goes_into_the_manifest() -> None:
    said = "\n".join(describe(MEASURED))
    for line in ("autoscaling.knative.dev/target: 2", "containerConcurrency: 8", "limits.cpu: 1"):
        assert line in said


def test_a_pod_is_measured_for_real() -> None:
    found = measure(Path(EMBEDDED), cache_bytes=2**20, cpus=1, tokens=16, latency_target_ms=0.001, seconds=0.2)
    assert found.levels[0].requests_per_s > 0
    assert found.levels[0].p50_ms <= found.levels[0].p99_ms
    assert found.peak_mib > found.usual_mib > 0
    assert found.cache_mib == 1 + 8, "answers, and the tokens of texts"
    assert [time.texts for time in found.service_times if time.tokens == 8] == [1, 4, 16]


async def one_at_a_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: list[int]) -> None:
    """A service that lets nobody wait."""
    inside[0] += 1
    with suppress(asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.rpartition(b"Content-Length: ")[2]))
            status = b"200 OK" if inside[0] == 1 else b"503 Service Unavailable"
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: 0\r\n\r\n")
    inside[0] -= 1
    writer.close()


def test_levels_end_where_the_service_refuses() -> None:
    async def levels() -> tuple[Level, ...]:
        server = await asyncio.start_server(partial(one_at_a_time, inside=[0]), "127.0.0.1", 0)
        async with server:
            return await measure_levels(os.getpid(), server.sockets[0].getsockname()[1], 3, 100, 0.05)

    assert [level.concurrency for level in asyncio.run(levels())] == [1]
