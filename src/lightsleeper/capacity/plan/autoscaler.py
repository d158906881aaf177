"""Knative's autoscaler, after its published source (Serving 1.23), in our words.

`Window` is pkg/autoscaler/aggregation/bucketing.go, `Autoscaler` pkg/autoscaler/scaling/autoscaler.go (`Scale`) with
pkg/autoscaler/aggregation/max, `Reconciler` pkg/reconciler/autoscaling/kpa (`handleScaleToZero` in scaler.go,
`computeActiveCondition` in kpa.go). Times are seconds of one clock that begins at an even second.
"""

import math
from collections import deque
from enum import Enum

from lightsleeper.capacity.plan.scaling import Scaling

TICK_S = 2.0
REPORT_S = 1.0
#: What the difference of two times may lose.
_ROUNDING_S = 1e-6


class Window:
    """The average of what was recorded over the last `seconds`, in buckets of one second."""

    def __init__(self, seconds: float, *, weighted: bool = False) -> None:
        """`weighted` lets older buckets fade exponentially, as `metric-aggregation-algorithm` can ask for."""
        self._seconds = seconds
        self._buckets = [0.0] * math.ceil(seconds)
        self._total = 0.0
        self._first = self._last = -math.inf
        # So that the weights add up to 0.9999 and none is below 0.2 of what is left.
        self._fade = max(1 - (1 - 0.9999) ** (1 / len(self._buckets)), 0.2) if weighted else 0.0

    def record(self, at_s: float, value: float) -> None:
        """Add to the bucket of that second; seconds nobody wrote to count as nothing."""
        second = math.floor(at_s)
        if second - self._last >= self._seconds:
            self._first = second
            self._buckets = [0.0] * len(self._buckets)
            self._total = 0.0
        else:
            for skipped in range(int(self._last) + 1, second + 1):
                self._total -= self._buckets[skipped % len(self._buckets)]
                self._buckets[skipped % len(self._buckets)] = 0.0
        self._last = second
        self._buckets[second % len(self._buckets)] += value
        self._total += value

    def average(self, at_s: float) -> float:
        """Over the seconds since the first record, at most the window; 0 if nothing was recorded in it."""
        second = math.floor(at_s)
        silent = second - self._last
        if silent >= self._seconds and (silent > self._seconds or not self._fade):
            return 0.0
        if self._fade:
            return self._faded(int(silent))
        total = self._total
        for gone in range(int(self._last) + 1, second + 1):
            total -= self._buckets[gone % len(self._buckets)]
        return round(total / min(self._last - self._first + 1, len(self._buckets) - silent), 6)

    def _faded(self, silent: int) -> float:
        weight, found = self._fade * (1 - self._fade) ** silent, 0.0
        for age in range(len(self._buckets) - silent):
            found += weight * self._buckets[(int(self._last) - age) % len(self._buckets)]
            weight *= 1 - self._fade
        return found


class _Highest:
    """The highest value of the last so many ticks (pkg/autoscaler/aggregation/max/window.go)."""

    def __init__(self, seconds: float) -> None:
        self._ticks = math.ceil(seconds / TICK_S)
        self._falling: deque[tuple[int, int]] = deque()

    def record(self, at_s: float, value: int) -> int:
        tick = math.floor(at_s) // int(TICK_S)
        while self._falling and value >= self._falling[-1][1]:
            self._falling.pop()
        while self._falling and tick - self._falling[0][0] >= self._ticks:
            self._falling.popleft()
        if not self._falling or self._falling[-1][0] != tick:
            self._falling.append((tick, value))
        return self._falling[0][1]


class Autoscaler:
    """From what the activators report to how many pods there should be."""

    def __init__(self, scaling: Scaling) -> None:
        """Knowing nothing yet."""
        self._scaling = scaling
        weighted = scaling.aggregation == "weighted-exponential"
        self._stable = Window(scaling.window_s, weighted=weighted)
        self._panic = Window(scaling.panic_window_s, weighted=weighted)
        self._delay = _Highest(scaling.scale_down_delay_s) if scaling.scale_down_delay_s else None
        self._panicking_since_s: float | None = None
        self._most_in_panic = 0
        #: Room the ready pods have beyond what they hold and the burst that is to be caught: below 0 the activator
        #: stays in the path.
        self.excess = -1.0

    def record(self, at_s: float, value: float) -> None:
        """A report: requests in flight on average, or requests, since the one before."""
        self._stable.record(at_s, value)
        self._panic.record(at_s, value)

    def desired(self, now_s: float, ready: int) -> int:
        """One tick's decision, with so many pods ready; not yet between min-scale and max-scale."""
        scaling, pods = self._scaling, max(1, ready)
        stable, panic = self._stable.average(now_s), self._panic.average(now_s)
        for_stable, for_panic = math.ceil(stable / scaling.kept_at), math.ceil(panic / scaling.kept_at)
        wanted = self._within(for_stable, pods)
        self._watch_panic(now_s, over=for_panic / pods >= scaling.panic_threshold_percentage / 100)
        if self._panicking_since_s is not None:  # only ever more
            self._most_in_panic = max(self._most_in_panic, wanted, self._within(for_panic, pods))
            wanted = self._most_in_panic
        if self._delay is not None:
            wanted = self._delay.record(now_s, wanted)
        burst = scaling.target_burst_capacity
        self.excess = 0.0 if burst == 0 else -1.0 if burst < 0 else math.floor(ready * scaling.total - burst - panic)
        return wanted

    @property
    def panicking(self) -> bool:
        """Whether pods are only added for now."""
        return self._panicking_since_s is not None

    def _within(self, wanted: int, pods: int) -> int:
        scaling = self._scaling
        most, least = math.ceil(scaling.max_scale_up_rate * pods), math.floor(pods / scaling.max_scale_down_rate)
        bounded = min(max(wanted, least), most)
        return max(bounded, scaling.activation_scale) if scaling.activation_scale > 1 and wanted > 0 else bounded

    def _watch_panic(self, now_s: float, *, over: bool) -> None:
        if over:
            self._panicking_since_s = now_s
        elif (
            since_s := self._panicking_since_s
        ) is not None and now_s - since_s > self._scaling.window_s + _ROUNDING_S:
            self._panicking_since_s = None
            self._most_in_panic = 0


class _State(Enum):
    ACTIVATING = "pods are wanted, none is ready"
    ACTIVE = "pods are ready"
    INACTIVE = "none is wanted; the last may stay a while"


class Reconciler:
    """What becomes of the autoscaler's wish: the bounds, and the last pod, which goes late."""

    def __init__(self, scaling: Scaling) -> None:
        """Asleep for long, or awake as of now."""
        self._scaling = scaling
        awake = max(scaling.initial_scale, scaling.min_scale) > 0
        self._state = _State.ACTIVE if awake else _State.INACTIVE
        self._since_s = 0.0 if awake else -math.inf
        self._proxied_since_s = -math.inf  # inf while the activator is out of the path
        #: When to ask again though nothing has changed.
        self.due_s = math.inf

    def replicas(self, desired: int, now_s: float, *, ready: int, excess: float) -> int | None:
        """How many pods to have; None leaves as many as there are."""
        desired = self._scaling.bounded(desired)
        while True:
            self.due_s = math.inf
            want, applied = (desired, desired) if desired else self._towards_zero(now_s)
            if not self._changed(want, now_s, ready):
                break
        if want and want > 0 and excess >= 0:
            self._proxied_since_s = math.inf
        elif self._proxied_since_s == math.inf:
            self._proxied_since_s = now_s
        return applied

    def _towards_zero(self, now_s: float) -> tuple[int | None, int | None]:
        """How many are wanted (None: nobody knows), and how many to have."""
        scaling, for_s = self._scaling, now_s - self._since_s + _ROUNDING_S
        if self._state is _State.ACTIVATING:
            return None, None
        if self._state is _State.ACTIVE:
            if for_s >= scaling.window_s:
                return 0, None
            self.due_s = self._since_s + scaling.window_s
            return 1, 1
        proxied_s = now_s - self._proxied_since_s + _ROUNDING_S
        if for_s >= scaling.retention_s and max(for_s, proxied_s) >= scaling.grace_s:
            return 0, 0
        graced_s = min(self._since_s, self._proxied_since_s) + scaling.grace_s
        self.due_s = max(self._since_s + scaling.retention_s, graced_s)
        return 0, None

    def _changed(self, want: int | None, now_s: float, ready: int) -> bool:
        """Note the state that follows; whether it is another one."""
        state = self._state
        if want == 0:
            state = _State.INACTIVE
        elif want or self._state is not _State.INACTIVE:
            state = _State.ACTIVE if ready >= max(1, self._scaling.min_scale) else _State.ACTIVATING
        if state is self._state:
            return False
        self._state, self._since_s = state, now_s
        return True
