"""The queues, against a simulation that goes from request to request, and against the laws that all queues keep."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightsleeper.capacity.plan.fleet import MAX_BATCH_TOKENS, MAX_QUEUE_S, Fleet, Floats, ServiceTimes
from lightsleeper.pipeline.admission import Admission
from lightsleeper.pipeline.fair_queue import FairQueue, Lane, Place
from lightsleeper.serving.settings import Settings

TIMES = ServiceTimes(alone_ms=15, rate=100)
#: No sum of works and a batch comes near that bound.
REFUSING = replace(TIMES, max_queue_s=0.1037)


def one_by_one(
    arrivals: list[float], pods: int, limit: int, times: ServiceTimes, sizes: Sequence[int] = ()
) -> list[float]:
    """Latencies, computed the slow way: each request to the next pod in turn, once that has room, unless it refuses."""
    server_s = times.bottleneck_s(limit)
    delay_s = times.alone_ms / 1e3 - server_s
    free_s, small_s = [0.0] * pods, [0.0] * pods
    answers: list[deque[float]] = [deque(maxlen=limit or None) for _ in range(pods)]
    latencies = []
    for n, (at_s, size) in enumerate(zip(arrivals, sizes or [1] * len(arrivals), strict=True)):
        pod, work_s = n % pods, size * server_s
        entered_s = max(at_s, answers[pod][0]) if limit and len(answers[pod]) == limit else at_s
        if size <= times.batch_texts:
            waiting_s = small_s[pod] - entered_s - times.batch_s(limit)
            if waiting_s > 0 and waiting_s + work_s > times.max_queue_s:
                continue
            small_s[pod] = max(entered_s, small_s[pod]) + work_s
        free_s[pod] = max(entered_s, free_s[pod]) + work_s
        answers[pod].append(free_s[pod] + delay_s)
        latencies.append(answers[pod][-1] - at_s)
    return latencies


def through(
    fleet: Fleet, arrivals: list[float], *, step_s: float, until_s: float, sizes: Sequence[int] = ()
) -> tuple[Floats, float]:
    """All latencies, and the time integral of the requests in flight."""
    times, texts = np.array(arrivals), np.array(sizes or [1] * len(arrivals), dtype=float)
    latencies, held = [], 0.0
    for n in range(round(until_s / step_s)):
        begin_s, end_s = n * step_s, (n + 1) * step_s
        now = (times >= begin_s) & (times < end_s)
        found, holding = fleet.step(begin_s, end_s, times[now], texts[now])
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
@given(ARRIVALS, st.data(), st.sampled_from([(1, 0), (3, 0), (1, 8), (1, 30)]), st.sampled_from([0.05, 1.0]))
def test_a_pod_refuses_whatever_would_wait_in_it_for_too_long(
    arrivals: list[float], data: st.DataObject, pods_limit: tuple[int, int], step_s: float
) -> None:
    pods, limit = pods_limit
    many = len(arrivals)
    sizes = data.draw(st.lists(st.sampled_from([1, 5] if limit else [1, 5, 50]), min_size=many, max_size=many))
    fleet = Fleet(REFUSING, container_concurrency=limit, timeout_s=1000)
    fleet.resize(pods, 0.0)
    latencies, _ = through(fleet, arrivals, sizes=sizes, step_s=step_s, until_s=13)
    expected = one_by_one(arrivals, pods, limit, REFUSING, sizes)
    assert np.sort(latencies) == pytest.approx(sorted(expected))
    assert fleet.refused == many - len(expected)


def let_in(texts: int, text_s: float) -> int:
    """How many requests of so many texts the service itself lets into a pod that is at a batch."""
    queue: FairQueue[Any] = FairQueue()
    admission = Admission(
        queue,
        workers=1,
        max_wait_s=MAX_QUEUE_S,
        max_batch_cost=MAX_BATCH_TOKENS,
        max_bulk_cost=131_072,
        max_bulk_s=30,
        max_request_cost=32_768,
    )
    for _ in range(1 + int(20 / text_s)):
        admission.ran(Lane.EXPRESS, 32, text_s)
    requests, running = 0, False
    while not admission.refusal(None, 32 * texts):
        for text in range(texts):
            queue.push(Place(text, None, 32, Lane.EXPRESS, None))
        requests += 1
        if not running and queue.cost(Lane.EXPRESS) >= admission.batch_cost(Lane.EXPRESS):
            running = bool(queue.take(Lane.EXPRESS, admission.batch_cost(Lane.EXPRESS)))
    return requests


@pytest.mark.parametrize("texts", [1, 4, 16, 32])
def test_as_many_enter_as_the_service_itself_lets_in(texts: int) -> None:
    fleet = Fleet(ServiceTimes(4, 250, max_queue_s=MAX_QUEUE_S), container_concurrency=1000, timeout_s=1000)
    fleet.resize(1, 0.0)
    latencies, held = fleet.step(0, 0.001, np.zeros(200), np.full(200, float(texts)))
    assert len(latencies) == fleet.in_flight == let_in(texts, 0.004) > 1
    assert fleet.refused == 200 - len(latencies)
    assert held == pytest.approx(0.001 * len(latencies)), "who is refused is gone at once"


def test_more_texts_than_a_batch_have_a_lane_of_their_own() -> None:
    fleet = Fleet(ServiceTimes(4, 250, max_queue_s=MAX_QUEUE_S), container_concurrency=48, timeout_s=1000)
    fleet.resize(1, 0.0)
    latencies, _ = fleet.step(0, 0.1, np.zeros(21), np.array([64.0] * 20 + [1.0]))
    assert (len(latencies), fleet.refused) == (21, 0)


def test_an_empty_queue_takes_a_request_however_slow_the_pod() -> None:
    fleet = Fleet(ServiceTimes(400, 2.5, max_queue_s=MAX_QUEUE_S), container_concurrency=48, timeout_s=1000)
    fleet.resize(1, 0.0)
    latencies, _ = fleet.step(0, 0.1, np.zeros(3), np.ones(3))
    assert latencies == pytest.approx([0.4, 0.8]), "one is answered, one waits, one is refused"


def test_who_waited_for_a_wake_has_not_waited_in_the_pod() -> None:
    fleet = Fleet(ServiceTimes(4, 250, max_queue_s=MAX_QUEUE_S), container_concurrency=48, timeout_s=1000)
    fleet.step(0, 5, np.zeros(48), np.ones(48))
    fleet.resize(1, 5)
    latencies, _ = fleet.step(5, 6, np.empty(0), np.empty(0))
    assert (len(latencies), fleet.refused) == (48, 0)
    assert latencies.max() == pytest.approx(5 + 48 * 0.004)


def test_its_bounds_are_the_services_own() -> None:
    assert (Settings().max_queue_s, Settings().max_batch_tokens) == (MAX_QUEUE_S, MAX_BATCH_TOKENS)


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
