"""Goes through the time: reports every second, a decision every two, pods that wake and pods that end.

A step lasts until the next of these moments, so nothing changes within one but the queues, which `fleet` computes
exactly. While nothing is there to change, the clock jumps to the next request.
"""

import math
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from lightsleeper.capacity.plan.autoscaler import REPORT_S, TICK_S, Autoscaler, Reconciler
from lightsleeper.capacity.plan.fleet import Fleet, Floats, ServiceTimes
from lightsleeper.capacity.plan.outcome import Outcome
from lightsleeper.capacity.plan.scaling import Scaling
from lightsleeper.capacity.plan.traffic import Arrivals

#: A little more than a request from zero takes on a real Knative: 1.31 s, its answer included (knative/README.md).
WAKE_S = 1.4
#: queue-proxy drains for so long, and holds its pod's CPU (knative/README.md).
DRAIN_S = 30.0
#: Where reports and ticks lie between the seconds: of no consequence on average, and nothing coincides.
_REPORTS_AT_S, _TICKS_AT_S = 0.25, 0.6


class Traffic(Protocol):
    """Requests, in order; `length_s` is how long to look, None until all is answered and asleep again."""

    @property
    def length_s(self) -> float | None:
        """Seconds."""

    def pieces(self) -> Iterator[Arrivals]:
        """Pieces of arrival times and sizes."""


class _Stream:
    """Requests up to a moment, taken from pieces."""

    def __init__(self, pieces: Iterator[Arrivals]) -> None:
        self._pieces = pieces
        self._times: Floats = np.empty(0)
        self._sizes: Floats = np.empty(0)
        self._at = 0

    def next_s(self) -> float:
        """When the next one comes; never, if none is left."""
        while self._at == len(self._times):
            piece = next(self._pieces, None)
            if piece is None:
                return math.inf
            (self._times, self._sizes), self._at = piece, 0
        return float(self._times[self._at])

    def until(self, to_s: float) -> Arrivals:
        """Those before that moment."""
        times, sizes = [], []
        while self.next_s() < to_s:
            end = int(np.searchsorted(self._times, to_s))
            times.append(self._times[self._at : end])
            sizes.append(self._sizes[self._at : end])
            self._at = end
        if len(times) == 1:
            return times[0], sizes[0]
        return (np.concatenate(times), np.concatenate(sizes)) if times else (np.empty(0), np.empty(0))


def simulate(
    traffic: Traffic,
    scaling: Scaling,
    times: ServiceTimes,
    *,
    wake_s: float = WAKE_S,
    phases: tuple[float, float] = (_REPORTS_AT_S, _TICKS_AT_S),
) -> Outcome:
    """Every request of `traffic` through a service that is scaled so, whose pods need `wake_s` to become ready.

    `phases` are the seconds at which the first report and the first tick are.
    """
    return _Simulation(traffic, scaling, times, wake_s, phases).run()


class _Simulation:
    def __init__(
        self, traffic: Traffic, scaling: Scaling, times: ServiceTimes, wake_s: float, phases: tuple[float, float]
    ) -> None:
        self._scaling = scaling
        self._wake_s = wake_s
        self._length_s = traffic.length_s
        self._stream = _Stream(traffic.pieces())
        self._autoscaler, self._reconciler = Autoscaler(scaling), Reconciler(scaling)
        self._fleet = Fleet(times, container_concurrency=scaling.container_concurrency, timeout_s=scaling.timeout_s)
        self._outcome = Outcome()
        self._now_s = 0.0
        self._report_s, self._tick_s = phases
        self._desired: int | None = None
        self._waking: list[float] = []  # when they are ready
        self._fleet.resize(max(scaling.initial_scale, scaling.min_scale), 0.0)
        self._outcome.most_pods = self._fleet.ready
        self._most_waiting = 0  # since the last row of the timeline
        # What the activator has counted since its last report, and since when it counts.
        self._held, self._came, self._counting_s, self._told = 0.0, 0, math.inf, 0

    def run(self) -> Outcome:
        while not self._over():
            if self._at_rest():
                self._skip()
            self._step(self._next_moment())
        self._note()
        outcome, fleet = self._outcome, self._fleet
        outcome.timed_out, outcome.refused = fleet.timed_out, fleet.refused
        outcome.busy_s, outcome.length_s = fleet.busy_s, self._now_s
        outcome.most_waiting = max(outcome.timeline.waiting)
        outcome.activators = self._scaling.activators(outcome.most_pods)
        return outcome

    @property
    def _pods(self) -> int:
        return self._fleet.ready + len(self._waking)

    def _over(self) -> bool:
        if self._fleet.in_flight or (self._length_s is not None and self._now_s < self._length_s):
            return False
        if self._length_s is not None:
            return True
        return self._stream.next_s() == math.inf and self._pods <= self._scaling.min_scale

    def _at_rest(self) -> bool:
        """Nothing in flight, nothing remembered, no pod to come or to go."""
        return (
            self._desired == 0
            and not (self._fleet.in_flight or self._waking or self._autoscaler.panicking)
            and self._counting_s == math.inf
            and self._fleet.ready == self._scaling.min_scale
        )

    def _skip(self) -> None:
        """To the last tick before the next request, or to the end."""
        until_s = min(self._stream.next_s(), math.inf if self._length_s is None else self._length_s)
        ticks = max(0, math.ceil((until_s - self._tick_s) / TICK_S) - 1)
        if ticks < 2:  # noqa: PLR2004  # nothing to gain
            return
        self._note()
        self._note()  # what holds until then, and not what was before
        self._account(self._tick_s + ticks * TICK_S - self._now_s)
        self._now_s = self._tick_s = self._tick_s + ticks * TICK_S
        self._report_s += REPORT_S * math.ceil(max(0.0, self._now_s - self._report_s) / REPORT_S)

    def _next_moment(self) -> float:
        moments = [self._report_s, self._tick_s, self._reconciler.due_s, *self._waking[:1]]
        if self._counting_s == math.inf:
            moments.append(self._stream.next_s())
        if self._length_s is not None and self._now_s < self._length_s:
            moments.append(self._length_s)
        return max(self._now_s, min(moments))

    def _step(self, to_s: float) -> None:
        first = self._counting_s == math.inf and self._stream.next_s() <= to_s
        self._flow(to_s)
        self._now_s = to_s
        woken = bool(self._waking) and self._waking[0] <= to_s
        if woken:
            ready = sum(each <= to_s for each in self._waking)
            self._waking = self._waking[ready:]
            self._fleet.resize(self._fleet.ready + ready, to_s)
        if first:
            self._first_request()
        if self._report_s <= to_s:
            self._report()
        if self._tick_s <= to_s:
            self._tick_s += TICK_S
            self._decide()
        elif woken or self._reconciler.due_s <= to_s:
            self._reconcile()

    def _flow(self, to_s: float) -> None:
        arrivals, sizes = self._stream.until(to_s)
        if len(arrivals):
            self._outcome.requests += len(arrivals)
            self._outcome.texts += int(sizes.sum())
            self._outcome.woken += 0 if self._fleet.ready else len(arrivals)
            self._came += len(arrivals)
        latencies, held = self._fleet.step(self._now_s, to_s, arrivals, sizes)
        self._held += held
        if len(latencies):
            self._outcome.latencies.add(latencies)
        self._most_waiting = max(self._most_waiting, self._fleet.waiting)
        self._account(to_s - self._now_s)

    def _account(self, passed_s: float) -> None:
        self._outcome.pod_s += self._pods * passed_s
        self._outcome.ready_pod_s += self._fleet.ready * passed_s

    def _first_request(self) -> None:
        """The activator tells of a revision it has not seen for a report at once (concurrency_reporter.go)."""
        self._counting_s, self._told = self._now_s, 1
        self._autoscaler.record(self._now_s, 1)
        if self._desired == 0:
            self._decide()

    def _report(self) -> None:
        """Requests in flight on average, or requests, less the one that was told of at once; forget who is silent."""
        if self._counting_s < math.inf:
            counted_s = self._now_s - max(self._counting_s, self._report_s - REPORT_S)
            held = self._held / counted_s if counted_s > 0 else 0.0
            concurrency = self._scaling.metric == "concurrency"
            self._autoscaler.record(
                self._now_s, max(0.0, held - self._told) if concurrency else self._came - self._told
            )
            self._told = 0
            if not held and not self._fleet.in_flight:
                self._counting_s = math.inf
        self._held, self._came = 0.0, 0
        self._report_s += REPORT_S

    def _decide(self) -> None:
        """A tick, or one out of turn because somebody is waiting and there is no pod."""
        self._desired = self._autoscaler.desired(self._now_s, self._fleet.ready)
        self._note()
        self._reconcile()

    def _note(self) -> None:
        self._outcome.timeline.add(
            self._now_s,
            desired=self._desired or 0,
            ready=self._fleet.ready,
            waiting=max(self._most_waiting, self._fleet.waiting),
            requests=self._outcome.requests,
        )
        self._most_waiting = 0

    def _reconcile(self) -> None:
        if self._desired is None:
            return
        fleet = self._fleet
        wanted = self._reconciler.replicas(
            self._desired, self._now_s, ready=fleet.ready, excess=self._autoscaler.excess
        )
        if wanted is None or wanted == self._pods:
            return
        if wanted > self._pods:
            self._outcome.wakes += self._pods == 0
            self._waking += [self._now_s + self._wake_s] * (wanted - self._pods)
        else:
            self._outcome.pod_s += DRAIN_S * (self._pods - wanted)
            self._waking = self._waking[: max(0, wanted - fleet.ready)]
            fleet.resize(min(fleet.ready, wanted), self._now_s)
        self._outcome.most_pods = max(self._outcome.most_pods, self._pods)
