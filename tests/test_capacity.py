from pathlib import Path

from lightsleeper.bundle import EMBEDDED
from lightsleeper.capacity import Capacity, Level, ServiceTime, describe, measure


def capacity(*levels: Level, cpus: int = 1, peak_mib: float = 100) -> Capacity:
    return Capacity(
        cpus=cpus,
        tokens=32,
        latency_target_ms=100,
        service_times=(ServiceTime(8, 1, 2.0),),
        levels=levels,
        wake_s=0.5,
        peak_mib=peak_mib,
        shared_cpus=False,
    )


MEASURED = capacity(
    Level(1, 80, 12, 20, 0.8),
    Level(4, 100, 40, 60, 1.0),
    Level(8, 101, 80, 99, 1.0),
    Level(16, 102, 160, 200, 1.0),
)


def test_the_target_is_the_fewest_in_flight_that_use_the_pod_up() -> None:
    assert MEASURED.saturation.concurrency == 4


def test_the_hard_limit_is_the_most_in_flight_that_meets_the_latency_target() -> None:
    assert MEASURED.container_concurrency == 8


def test_a_pod_that_never_meets_the_target_takes_one_request_at_a_time() -> None:
    assert capacity(Level(1, 5, 200, 300, 1.0), Level(2, 5, 400, 600, 1.0)).container_concurrency == 1


def test_the_requests_are_rounded_up_to_round_numbers() -> None:
    assert (MEASURED.cpu_request_m, MEASURED.memory_request_mib, MEASURED.memory_limit_mib) == (700, 128, 256)


def test_the_report_names_what_goes_into_the_manifest() -> None:
    said = "\n".join(describe(MEASURED))
    for line in ("autoscaling.knative.dev/target: 4", "containerConcurrency: 8", "limits.cpu: 1"):
        assert line in said


def test_a_pod_is_measured_for_real() -> None:
    found = measure(Path(EMBEDDED), cpus=1, tokens=16, latency_target_ms=0.001, seconds=0.2)
    assert found.levels[0].requests_per_s > 0
    assert found.levels[0].p50_ms <= found.levels[0].p99_ms
    assert found.peak_mib > 0
    assert [time.texts for time in found.service_times if time.tokens == 8] == [1, 4, 16]
