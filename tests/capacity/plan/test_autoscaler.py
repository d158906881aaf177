"""The autoscaler against what Knative's own code decided, and by its published rules."""

import pytest

from knative_replays import RECORDED, Listed, Recorded
from lightsleeper.capacity.plan.autoscaler import Autoscaler, Reconciler, Window
from lightsleeper.capacity.plan.outcome import Outcome
from lightsleeper.capacity.plan.scaling import Scaling
from lightsleeper.capacity.plan.simulation import simulate


def replayed(recorded: Recorded) -> Outcome:
    traffic = Listed(recorded.arrivals(), recorded.until_s)
    return simulate(traffic, recorded.scaling(), recorded.times(), wake_s=recorded.wake_s)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_at_each_tick_it_wants_what_knative_wanted_give_or_take_one_pod(recorded: Recorded) -> None:
    apart = [abs(desired - recorded.desired_at(at_s)) for at_s, desired, _ in replayed(recorded).timeline]
    assert max(apart) <= 1
    assert sum(apart) <= 0.05 * len(apart)
    assert {pods for _, pods in recorded.desired} > {0}, "nothing was recorded"


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded.name)
def test_requests_take_as_long_as_behind_knatives_own_queues(recorded: Recorded) -> None:
    found = replayed(recorded)
    assert found.answered == recorded.answered == len(recorded.arrivals())
    assert found.latencies.quantile_ms(0.50) == pytest.approx(recorded.p50_ms, rel=0.25)
    assert found.latencies.quantile_ms(0.99) == pytest.approx(recorded.p99_ms, rel=0.25)
    assert found.woken == pytest.approx(recorded.woken, rel=0.05, abs=2)


def test_a_window_averages_over_the_seconds_since_the_first_record_and_no_more_than_it_is_long() -> None:
    window = Window(60)
    window.record(100.2, 6)
    assert window.average(100.9) == 6
    window.record(102.0, 3)
    assert window.average(102.5) == 3, "a second nobody wrote to counts as nothing"
    assert window.average(110.0) == 3, "seconds since the last record do not count"
    assert window.average(162.0) == 0
    window.record(400, 5)
    assert window.average(400) == 5, "what came before the silence is forgotten"


def test_a_weighted_window_lets_the_older_fade() -> None:
    rising, falling = Window(6, weighted=True), Window(6, weighted=True)
    for second in range(6):
        rising.record(second, second)
        falling.record(second, 5 - second)
    assert rising.average(5) > 4
    assert falling.average(5) < 1


def test_it_panics_at_twice_what_the_pods_are_for_and_then_only_adds() -> None:
    scaling = Scaling(target=10, target_utilization=1, window_s=60, scale_down_delay_s=0)
    autoscaler = Autoscaler(scaling)
    for second in range(60):
        autoscaler.record(second, 10)
    assert (autoscaler.desired(60, 1), autoscaler.panicking) == (1, False)
    for second in range(60, 66):
        autoscaler.record(second, 50)
    assert (autoscaler.desired(66, 1), autoscaler.panicking) == (5, True)
    for second in range(66, 100):
        autoscaler.record(second, 10)
    assert autoscaler.desired(100, 5) == 5
    assert autoscaler.desired(127, 5) == 2, "half at a time at most"
    assert not autoscaler.panicking


def test_fewer_pods_must_have_done_for_the_whole_delay() -> None:
    autoscaler = Autoscaler(Scaling(target=10, target_utilization=1, window_s=6, scale_down_delay_s=30))
    autoscaler.record(0, 20)
    assert autoscaler.desired(0, 2) == 2
    assert [autoscaler.desired(second, 2) for second in (10, 28, 30)] == [2, 2, 1]


def until_zero(scaling: Scaling) -> float:
    reconciler = Reconciler(scaling)
    reconciler.replicas(1, 0, ready=0, excess=-1)
    reconciler.replicas(1, 1, ready=1, excess=-1)
    return next(tenth / 10 for tenth in range(20, 6000) if reconciler.replicas(0, tenth / 10, ready=1, excess=-1) == 0)


def test_the_last_pod_goes_after_its_window_and_its_retention() -> None:
    assert until_zero(Scaling(window_s=30, retention_s=60)) == pytest.approx(91)
    assert until_zero(Scaling(window_s=60, retention_s=0)) == pytest.approx(61)


def test_where_the_activator_was_out_of_the_path_the_last_pod_stays_for_the_grace_period() -> None:
    reconciler = Reconciler(Scaling(window_s=30, retention_s=0, grace_s=30, target_burst_capacity=0))
    reconciler.replicas(1, 0, ready=0, excess=0)
    reconciler.replicas(1, 1, ready=1, excess=0)
    assert reconciler.replicas(0, 40, ready=1, excess=0) is None
    assert reconciler.due_s == 70
    assert reconciler.replicas(0, 70, ready=1, excess=0) == 0


def test_nobody_goes_to_zero_while_a_pod_is_yet_to_come() -> None:
    reconciler = Reconciler(Scaling(retention_s=0))
    reconciler.replicas(1, 0, ready=0, excess=-1)
    assert reconciler.replicas(0, 5, ready=0, excess=-1) is None
