"""A service over time: it wakes, it sleeps, and its books balance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knative_replays import Listed
from lightsleeper.capacity.plan.fleet import ServiceTimes
from lightsleeper.capacity.plan.outcome import Latencies
from lightsleeper.capacity.plan.report import Plan
from lightsleeper.capacity.plan.scaling import Scaling
from lightsleeper.capacity.plan.simulation import DRAIN_S, simulate
from lightsleeper.capacity.plan.traffic import RandomTraffic, parse_burst

TIMES = ServiceTimes(alone_ms=10, rate=100)


def test_one_request_wakes_one_pod_and_pays_for_it_until_it_has_drained() -> None:
    found = simulate(Listed([100.0], None), Scaling(scale_down_delay_s=0), TIMES, wake_s=1.4)
    assert (found.answered, found.woken, found.wakes, found.most_pods) == (1, 1, 1, 1)
    assert found.latencies.quantile_ms(0.99) == pytest.approx(1410, rel=0.005)
    # The window from when it is ready, the retention from its end, give or take a tick.
    assert found.pod_s == pytest.approx(1.4 + 30 + 60 + DRAIN_S, abs=3)


def test_requests_one_after_the_other_wait_only_for_the_first_wake() -> None:
    times = [100.0 + 20 * n for n in range(20)]
    found = simulate(Listed(times, None), Scaling(), TIMES)
    assert (found.answered, found.woken, found.wakes) == (20, 1, 1)
    assert found.latencies.quantile_ms(0.5) == pytest.approx(10, rel=0.01)


def test_pods_that_always_run_make_nobody_wait() -> None:
    found = simulate(Listed([100.0, 5000.0], 7200.0), Scaling(min_scale=2), TIMES)
    assert (found.woken, found.wakes) == (0, 0)
    assert found.pod_hours == pytest.approx(4)
    assert set(found.timeline.most(found.timeline.ready, 10, 7200)) == {2}


def test_a_service_without_a_request_costs_nothing() -> None:
    found = simulate(RandomTraffic(0.0, hours=24), Scaling(), TIMES)
    assert (found.requests, found.pod_s, found.latencies.quantile_ms(0.99)) == (0, 0, 0)


def test_a_service_that_was_just_deployed_goes_to_sleep() -> None:
    found = simulate(RandomTraffic(0.0, hours=1), Scaling(initial_scale=3, retention_s=0), TIMES)
    assert 30 + 3 * DRAIN_S <= found.pod_s <= 3 * 30 + 3 * DRAIN_S + 10


def test_pods_are_drawn_only_while_they_are_there() -> None:
    found = simulate(RandomTraffic(0.5, hours=6, between_s=(3600.0, 7200.0)), Scaling(), TIMES)
    assert found.timeline.most(found.timeline.ready, 6, found.length_s) == [0, 1, 1, 0, 0, 0]


def test_what_no_pod_answers_in_time_is_given_up_and_counted() -> None:
    traffic = RandomTraffic(0.0, hours=0.1, bursts=(parse_burst("500/s@10s+60s"),))
    found = simulate(traffic, Scaling(max_scale=1, timeout_s=20), TIMES)
    assert found.timed_out > 0
    assert found.answered + found.timed_out == found.requests
    assert found.latencies.quantile_ms(1.0) < 22_000


def test_what_a_full_pod_refuses_is_counted_and_no_latency() -> None:
    traffic = RandomTraffic(0.0, hours=0.1, bursts=(parse_burst("30/s@60s+5s"),), texts=32)
    times = replace(TIMES, max_queue_s=0.3)
    found = simulate(traffic, Scaling(min_scale=1, max_scale=1), times)
    assert found.refused > 0.5 * found.requests
    assert found.answered + found.refused == found.requests
    assert found.latencies.quantile_ms(1.0) < 380, "all of one, and what is left of a batch"
    few = simulate(traffic, Scaling(min_scale=1, max_scale=1, container_concurrency=1), times)
    assert (few.refused, few.answered) == (0, few.requests), "what waits in the activator is refused by no pod"


def test_what_waited_between_two_ticks_is_drawn_and_only_then() -> None:
    found = simulate(Listed([101.0] * 100, 4000.0), Scaling(min_scale=1, container_concurrency=1), TIMES)
    waiting = found.timeline.most(found.timeline.waiting, 100, found.length_s)
    assert max(waiting) == found.most_waiting > 50
    assert [part for part, most in enumerate(waiting) if most] == [2]


def test_a_burst_is_as_many_pods_as_its_window_keeps_busy() -> None:
    traffic = RandomTraffic(1.0, hours=1, bursts=(parse_burst("600/s@30m+30s"),))
    scaling = Scaling(max_scale=8)
    plan = Plan(scaling, TIMES, 1.4, 1, 0.043, simulate(traffic, scaling, TIMES))
    assert plan.busy_pods == pytest.approx(6, rel=0.1)


SETTINGS = st.builds(
    Scaling,
    target=st.sampled_from([1.0, 4.0, 12.0]),
    container_concurrency=st.sampled_from([0, 1, 5, 48]),
    min_scale=st.integers(0, 2),
    max_scale=st.sampled_from([0, 2, 6]),
    window_s=st.sampled_from([6.0, 30.0]),
    scale_down_delay_s=st.sampled_from([0.0, 15.0]),
    retention_s=st.sampled_from([0.0, 40.0]),
    metric=st.sampled_from(["concurrency", "rps"]),
    aggregation=st.sampled_from(["linear", "weighted-exponential"]),
    target_burst_capacity=st.sampled_from([-1.0, 0.0, 20.0]),
)
WAITS = st.sampled_from([0.1, 0.3, math.inf])


@settings(max_examples=40, deadline=None)
@given(SETTINGS, st.lists(st.tuples(st.floats(0, 300), st.integers(1, 200)), max_size=6), st.floats(0.1, 20), WAITS)
def test_no_request_is_lost_and_the_pods_keep_their_bounds(
    scaling: Scaling, bursts: list[tuple[float, int]], wake_s: float, max_queue_s: float
) -> None:
    times = sorted(at_s for at_s, many in bursts for _ in range(many))
    found = simulate(Listed(times, None), scaling, replace(TIMES, max_queue_s=max_queue_s), wake_s=wake_s)
    assert not found.refused or max_queue_s < math.inf
    assert found.answered + found.lost == found.requests == len(times)
    assert found.busy_s == pytest.approx(found.answered * TIMES.bottleneck_s(scaling.container_concurrency))
    assert all(scaling.bounded(ready) == ready for ready in set(found.timeline.ready) if ready)
    assert found.most_pods <= (scaling.max_scale or 2 * len(times) + 2)
    assert found.ready_pod_s * (1 + 1e-9) >= found.busy_s


def test_skipping_what_rests_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = RandomTraffic(1 / 200, hours=3)
    skipped = simulate(traffic, Scaling(), TIMES)
    monkeypatch.setattr("lightsleeper.capacity.plan.simulation._Simulation._at_rest", lambda _: False)
    every = simulate(traffic, Scaling(), TIMES)
    assert skipped.pod_s == pytest.approx(every.pod_s)
    assert skipped.woken == every.woken > 0
    assert len(skipped.timeline.at_s) < len(every.timeline.at_s)


def test_half_the_speed_takes_twice_the_work_and_more_pods() -> None:
    traffic = RandomTraffic(400, hours=0.5)
    fast = simulate(traffic, Scaling(max_scale=0), TIMES)
    slow = simulate(traffic, Scaling(max_scale=0), replace(TIMES, alone_ms=20, rate=50))
    assert slow.busy_s == pytest.approx(2 * fast.busy_s)
    assert slow.pod_s > 1.2 * fast.pod_s


def test_times_that_differ_make_the_slowest_slower_and_no_more_work() -> None:
    traffic = RandomTraffic(50, hours=0.5)
    equal = simulate(traffic, Scaling(min_scale=1), TIMES)
    uneven = simulate(traffic, Scaling(min_scale=1), replace(TIMES, spread=0.6))
    assert uneven.busy_s == pytest.approx(equal.busy_s, rel=0.02)
    assert uneven.latencies.quantile_ms(0.99) > 1.5 * equal.latencies.quantile_ms(0.99)


def test_a_quantile_is_right_within_half_a_per_cent() -> None:
    found, times = Latencies(), np.random.default_rng(1).lognormal(-3, 1, 50_000)
    for part in np.split(times, 10):
        found.add(part)
    for share in (0.5, 0.9, 0.99):
        assert found.quantile_ms(share) == pytest.approx(1e3 * np.quantile(times, share), rel=0.005)
