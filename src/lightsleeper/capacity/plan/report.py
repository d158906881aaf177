"""What came of it, for people (a table) and for programs (JSON)."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from lightsleeper.capacity.plan.fleet import ServiceTimes
from lightsleeper.capacity.plan.outcome import Outcome
from lightsleeper.capacity.plan.scaling import MOST_CONCURRENT, Scaling

_PARTS = 24
_JSON_PARTS = 288
_BAR = 40

#: Dollars for one hour of one vCPU with its 4 GiB: Standard_D64as_v5 at 2.752 an hour, pay as you go, East US
#: (https://github.com/skypilot-org/skypilot-catalog/blob/master/catalogs/v6/azure/vms.csv, from Azure's price list).
CPU_HOUR_PRICE = 0.043


@dataclass(frozen=True)
class Plan:
    """One outcome with what it came from."""

    scaling: Scaling
    times: ServiceTimes
    wake_s: float
    cpus: float
    cpu_hour_price: float
    outcome: Outcome

    @property
    def cost(self) -> float:
        """In the price's currency."""
        return self.outcome.cost(cpus=self.cpus, cpu_hour_price=self.cpu_hour_price)

    @property
    def busy_pods(self) -> float:
        """Pods that have no pause in the busiest stable window."""
        window_s = min(self.scaling.window_s, self.outcome.length_s)
        highest = self.outcome.timeline.highest_rate(window_s) if self.outcome.requests else 0.0
        return max(1.0, highest / self.pod_requests_per_s)

    @property
    def pod_requests_per_s(self) -> float:
        """How many of these requests a pod can answer."""
        return 1 / self._request_s

    @property
    def pod_holds(self) -> int:
        """How many of these requests a pod may hold and refuses none."""
        waiting_s = self.times.max_queue_s + self.times.batch_s(self.scaling.container_concurrency)
        return max(1, int(min(waiting_s / self._request_s, MOST_CONCURRENT)))

    @property
    def _request_s(self) -> float:
        """Of a busy pod, for a request of the usual size."""
        texts = self.outcome.texts / self.outcome.requests if self.outcome.requests else 1.0
        return texts * self.times.bottleneck_s(self.scaling.container_concurrency)

    def as_json(self) -> dict[str, object]:
        """Everything of the table, and the pods over time in at most 288 parts."""
        found, line = self.outcome, self.outcome.timeline
        series = {"desired": line.desired, "ready": line.ready, "waiting": line.waiting}
        return {
            "settings": asdict(self.scaling),
            "pod": {**asdict(self.times), "wake_s": self.wake_s, "cpus": self.cpus},
            "length_s": found.length_s,
            "requests": {
                "all": found.requests,
                "texts": found.texts,
                "answered": found.answered,
                "timed_out": found.timed_out,
                "refused": found.refused,
                "waited_for_a_wake": found.woken,
            },
            "latency_ms": {f"p{share}": found.latencies.quantile_ms(share / 100) for share in (50, 90, 99)},
            "most_waiting": found.most_waiting,
            "pods": {
                "most": found.most_pods,
                "mean": found.mean_pods,
                "hours": found.pod_hours,
                "utilisation": found.utilisation,
                "wakes": found.wakes,
            },
            "activators": found.activators,
            "cost": {"total": self.cost, "cpu_hour_price": self.cpu_hour_price},
            "timeline": {
                "part_s": found.length_s / _JSON_PARTS,
                "requests_per_s": line.rates(_JSON_PARTS, found.length_s),
                **{name: line.most(values, _JSON_PARTS, found.length_s) for name, values in series.items()},
            },
        }

    def lines(self) -> Iterator[str]:
        """The table."""
        found, line = self.outcome, self.outcome.timeline
        yield f"{found.requests:,} requests in {clock(found.length_s)} h, {found.texts:,} texts"
        pod = f"a pod: {self.times.alone_ms:.1f} ms for a text alone, {self.times.rate:.4g} texts/s at most"
        yield f"{pod}, ready after {self.wake_s:g} s"
        if self.scaling.target_burst_capacity != -1:
            yield "simulated as if every request went through the activator; here it leaves the path when there is room"
        yield ""
        yield from self._over_time(line.most(line.ready, _PARTS, found.length_s))
        yield ""
        busy = f"busy {found.utilisation:.0%} of the time"
        yield f"pods ready    {found.mean_pods:.2f} on average, {found.most_pods} at most, {busy}"
        yield f"pod-hours     {found.pod_hours:.2f}, with waking and draining; {found.wakes:,} wakes from zero"
        yield f"waited for a wake   {found.woken:,} requests ({found.share(found.woken):.2%})"
        yield f"queue         {found.most_waiting:,} waiting at most; {found.timed_out:,} given up"
        limit = f"a pod lets {self.times.max_queue_s:g} s of work wait"
        yield f"refused       {found.refused:,} requests ({found.share(found.refused):.2%}) with 503: {limit}"
        quantiles = (f"p{share} {found.latencies.quantile_ms(share / 100):,.1f} ms" for share in (50, 90, 99))
        yield f"latency       {', '.join(quantiles)}"
        yield f"activators    {found.activators} in the path at most"
        per_million = f", {1e6 * self.cost / found.texts:.2f} for a million texts" if found.texts else ""
        price = f"{self.cpus:g} CPU a pod at {self.cpu_hour_price:g} an hour"
        yield f"cost          {self.cost:.2f}{per_million} ({price})"

    def _over_time(self, pods: list[int]) -> Iterator[str]:
        found, line = self.outcome, self.outcome.timeline
        waiting = line.most(line.waiting, _PARTS, found.length_s)
        rates = line.rates(_PARTS, found.length_s)
        scale = max(1, *pods) / _BAR if max(pods) > _BAR else 1
        yield "from         requests/s   waiting   pods"
        for part in range(_PARTS):
            bar = "█" * round(pods[part] / scale)
            begin = clock(found.length_s * part / _PARTS)
            yield f"{begin:<11}{rates[part]:>12,.2f}{waiting[part]:>10,}{pods[part]:>7,} {bar}".rstrip()


def clock(seconds: float) -> str:
    """Hours, minutes and seconds."""
    whole = round(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"
