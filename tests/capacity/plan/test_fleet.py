"""The queues, against a simulation that goes from request to request, and against the laws that all queues keep."""

from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightsleeper.capacity.plan.fleet import Fleet, Floats, ServiceTimes

TIMES = ServiceTimes(alone_ms=15, rate=100)


def one_by_one(arrivals: list[float], pods: int, limit: int, times: ServiceTimes) -> list[float]:
    """Latencies, computed the slow way: each request to the next pod in turn, once that has room."""
    server_s = times.bottleneck_s(limit)
    delay_s = times.alone_ms / 1e3 - server_s
    free_s = [0.0] * pods
    answers: list[deque[float]] = [deque(maxlen=limit or None) for _ in range(pods)]
    latencies = []
    for n, at_s in enumerate(arrivals):
        pod = n % pods
        entered_s = max(at_s, answers[pod][0]) if limit and len(answers[pod]) == limit else at_s
        free_s[pod] = max(entered_s, free_s[pod]) + server_s
        answers[pod].append(free_s[pod] + delay_s)
        latencies.append(answers[pod][-1] - at_s)
    return latencies


def through(fleet: Fleet, arrivals: list[float], *, step_s: float, until_s: float) -> tuple[Floats, float]:
    """All latencies, and the time integral of the requests in flight."""
    times = np.array(arrivals)
    latencies, held = [], 0.0
    for n in range(round(until_s / step_s)):
        begin_s, end_s = n * step_s, (n + 1) * step_s
        came = times[(times >= begin_s) & (times < end_s)]
        found, holding = fleet.step(begin_s, end_s, came, np.ones(len(came)))
        latencies.append(found)
        held += holding
    return np.concatenate(latencies), held


ARRIVALS = st.lists(st.floats(0, 3, allow_subnormal=False), min_size=1, max_size=150).map(sorted)


@settings(deadline=None)
@given(ARRIVALS, st.integers(1, 4), st.sampled_from([0, 2, 3, 8]), st.sampled_from([0.05, 0.25, 1.0]))
def test_every_request_takes_as_long_as_if_each_were_looked_at_alone(
    arrivals: list[float], pods: int, limit: int, step_s: float
) -> None:
    fleet = Fleet(TIMES, container_concurrency=limit, timeout_s=1000)
    fleet.resize(pods, 0.0)
    latencies, _ = through(fleet, arrivals, step_s=step_s, until_s=8)
    assert np.sort(latencies) == pytest.approx(sorted(one_by_one(arrivals, pods, limit, TIMES)))


@settings(deadline=None)
@given(ARRIVALS, st.lists(st.integers(0, 5), min_size=8, max_size=8))
def test_nothing_is_lost_nor_done_twice_whatever_pods_come_and_go(arrivals: list[float], pods: list[int]) -> None:
    fleet = Fleet(TIMES, container_concurrency=4, timeout_s=1000)
    times, answered, held = np.array(arrivals), [], 0.0
    for second, ready in enumerate([*pods, *[1] * 5]):
        fleet.resize(ready, second)
        came = times[(times >= second) & (times < second + 1)]
        found, holding = fleet.step(second, second + 1, came, np.ones(len(came)))
        answered.append(found)
        held += holding
    latencies = np.concatenate(answered)
    assert len(latencies) == len(arrivals)
    assert fleet.in_flight == fleet.waiting == fleet.timed_out == 0
    assert fleet.busy_s == pytest.approx(len(arrivals) * TIMES.bottleneck_s(4))
    assert held == pytest.approx(latencies.sum()), "Little's law"
    assert latencies.min() >= TIMES.alone_ms / 1e3 - 1e-9


def test_a_busy_pod_is_never_idle() -> None:
    fleet = Fleet(TIMES, container_concurrency=4, timeout_s=1000)
    fleet.resize(1, 0.0)
    latencies, _ = through(fleet, [0.0] * 200, step_s=0.5, until_s=3)
    assert latencies.max() == pytest.approx(200 / TIMES.rate + 0.005)


def test_who_waits_goes_to_a_pod_that_has_just_come() -> None:
    fleet = Fleet(TIMES, container_concurrency=4, timeout_s=1000)
    fleet.resize(1, 0.0)
    fleet.step(0, 0.1, np.zeros(100), np.ones(100))
    fleet.resize(2, 0.1)
    fleet.step(0.1, 0.2, np.empty(0), np.empty(0))
    assert fleet.waiting == 100 - 19 - 9 - 2 * 4, "answered by the first, by the second, in both"


def test_a_request_that_no_pod_takes_in_time_is_given_up() -> None:
    fleet = Fleet(TIMES, container_concurrency=4, timeout_s=5)
    fleet.step(0, 1, np.array([0.5, 0.9]), np.ones(2))
    fleet.step(1, 5.6, np.empty(0), np.empty(0))
    fleet.step(5.6, 5.7, np.empty(0), np.empty(0))
    assert (fleet.timed_out, fleet.waiting, fleet.in_flight) == (1, 1, 1)


def test_64_texts_keep_a_pod_busy_for_64_times_as_long() -> None:
    fleet = Fleet(TIMES, container_concurrency=4, timeout_s=5)
    fleet.resize(1, 0.0)
    latencies, _ = fleet.step(0, 1, np.array([0.0, 0.0]), np.array([64.0, 1.0]))
    assert latencies == pytest.approx([0.645, 0.655])


def test_a_limit_that_leaves_no_overlap_slows_the_pod() -> None:
    assert TIMES.bottleneck_s(0) == pytest.approx(0.010)
    assert TIMES.bottleneck_s(1) == pytest.approx(0.015)
    assert TIMES.bottleneck_s(2) == pytest.approx(0.010)
