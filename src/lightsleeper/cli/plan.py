"""`lightsleeper plan`: what Knative's autoscaler will make of some traffic, and what that costs."""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightsleeper.capacity.plan.fleet import ServiceTimes
    from lightsleeper.capacity.plan.manifest import Manifest
    from lightsleeper.capacity.plan.report import Plan
    from lightsleeper.capacity.plan.scaling import Scaling
    from lightsleeper.capacity.plan.simulation import Traffic
    from lightsleeper.cli.commands import Commands

_EPILOG = """\
examples:
  lightsleeper plan --rate 500/s --between 07:00-23:00 --service-ms 4
  lightsleeper plan --rate 20/s --burst 400/s@09:00+30s --bench bench.json --chart day.svg
  lightsleeper plan --trace requests.csv --service knative/base/service.yaml --compare --latency-target-ms 250

A trace has a row for each request, in order: `time` (seconds, or ISO 8601) and, if you like, `texts`.
What a Service leaves out is as Knative has it; without one, and under a patch alone, it is as in knative/base.
"""

#: Option → what it is. They override what --service says; without one, knative/base/service.yaml has the defaults.
_SETTINGS = {
    "metric": "concurrency, or rps",
    "metric-aggregation-algorithm": "linear, or weighted-exponential",
    "target": "requests in flight, or per second, a pod is for",
    "target-utilization-percentage": "how much of that the autoscaler aims at",
    "container-concurrency": "requests in flight a pod may hold; 0 is no limit",
    "min-scale": "pods that are always there",
    "max-scale": "pods at most; 0 is no limit",
    "initial-scale": "pods that are there at the start",
    "activation-scale": "pods to wake with",
    "window": "stable window, as in 60s",
    "panic-window-percentage": "panic window, of the stable one",
    "panic-threshold-percentage": "of what the pods are for, from where it panics",
    "scale-down-delay": "how long fewer pods must do",
    "retention": "how long the last pod stays, as in 1m",
    "grace": "how long the last pod stays at least, while the activator is put into the path",
    "target-burst-capacity": "-1: always through the activator",
    "max-scale-up-rate": "of the cluster's config-autoscaler",
    "max-scale-down-rate": "of the cluster's config-autoscaler",
    "timeout": "how long a request waits for a pod, as in 100s",
}
#: As manifests, and what --compare recommends, name them.
_LONG_NAMES = {"retention": "scale-to-zero-pod-retention-period", "grace": "scale-to-zero-grace-period"}
_LATENCY_TARGET_MS = 250.0
#: Who rounds a rate down to six digits has not said a lower one.
_ROUNDED = 1 - 1e-5


def add_plan(commands: "Commands") -> None:
    """Add `lightsleeper plan`."""
    command = commands.add_parser(
        "plan",
        usage="lightsleeper plan (--trace FILE | --rate RATE [--burst RATE@START+LENGTH]) [options]",
        help="simulate Knative's autoscaler: pods over a day, waiting, latency, cost",
        description="Send a trace, or random requests of a rate, through Knative's autoscaler as it is published "
        "(Serving 1.23) with the service times of a pod; say how many pods that takes, who waits, and what it costs.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_traffic(command)
    _add_pod(command)
    settings = command.add_argument_group("settings of the service")
    settings.add_argument(
        "--service", action="append", default=[], type=Path, metavar="FILE", help="manifest, then patches; repeatable"
    )
    for name, what in _SETTINGS.items():
        also = [f"--{_LONG_NAMES[name]}"] if name in _LONG_NAMES else []
        settings.add_argument(f"--{name}", *also, metavar="N", help=what)
    command.add_argument("--compare", action="store_true", help="try other settings; name the cheapest fast enough")
    command.add_argument("--latency-target-ms", type=float, metavar="MS", help="p99 to stay below with --compare; 250")
    command.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    command.add_argument("--chart", type=Path, metavar="FILE", help="draw it: .svg or .html")
    command.set_defaults(run=_plan)


def _add_traffic(command: argparse.ArgumentParser) -> None:
    traffic = command.add_argument_group("traffic")
    traffic.add_argument("--trace", type=Path, metavar="FILE", help="CSV of a row for each request")
    traffic.add_argument("--rate", metavar="RATE", help="random requests: 500/s, 300/min, 12/h")
    traffic.add_argument(
        "--burst", action="append", default=[], metavar="RATE@START+LENGTH", help="on top: 400/s@09:00+30s; repeatable"
    )
    traffic.add_argument("--between", metavar="FROM-TO", help="--rate only then, every day: 07:00-23:00")
    traffic.add_argument("--hours", type=float, metavar="N", help="how long; 24")
    traffic.add_argument("--texts", type=int, metavar="N", help="texts of a request; 1")
    traffic.add_argument("--seed", type=int, metavar="N", help="another day of the same kind; 1")


def _add_pod(command: argparse.ArgumentParser) -> None:
    pod = command.add_argument_group("pod", "measured here, as `bench` does, unless you say")
    pod.add_argument("--service-ms", type=float, metavar="MS", help="of a text that is alone")
    pod.add_argument("--pod-rate", type=float, metavar="N", help="texts/s at most; else one after the other")
    pod.add_argument("--service-p99-ms", type=float, metavar="MS", help="of the slowest of 100; else all are equal")
    pod.add_argument("--bench", type=Path, metavar="FILE", help="what `lightsleeper bench --json` printed")
    pod.add_argument("--max-queue-s", type=float, metavar="S", help="work that waits, else 503; 0.3, or the manifest's")
    pod.add_argument("--wake-s", type=float, metavar="S", help="until a new pod is ready; 1.4")
    pod.add_argument("--cpus", type=float, metavar="N", help="measured and paid for; the manifest's, the bench's, or 1")
    pod.add_argument("--cpu-hour-price", type=float, metavar="N", help="of one CPU for an hour; 0.043 (dollars)")


def _plan(options: argparse.Namespace) -> int:
    from lightsleeper.bulk.records.pipes import rereadable  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.plan.chart import check_name  # noqa: PLC0415  # see above

    if (options.trace is None) == (options.rate is None and not options.burst):
        sys.stderr.write("lightsleeper plan: give --trace, or --rate and --burst\n")
        return 2
    if options.latency_target_ms is not None and not options.compare:
        sys.stderr.write("lightsleeper plan: --latency-target-ms is of --compare\n")
        return 2
    if options.chart:
        check_name(options.chart)
    with rereadable() as again:
        options.trace = options.trace and again(options.trace)
        _print_plan(options)
    return 0


def _print_plan(options: argparse.Namespace) -> None:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.capacity.plan.chart import draw  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.compare import compare  # noqa: PLC0415  # see above

    run, given = _prepared(options)
    if options.compare:
        target_ms = _LATENCY_TARGET_MS if options.latency_target_ms is None else options.latency_target_ms
        comparison = compare(run, given, _positive("--latency-target-ms", target_ms))
        shown, lines, found = comparison.best, comparison.lines(), comparison.as_json()
    else:
        shown = run(given)
        lines, found = shown.lines(), shown.as_json()
    if options.chart:
        draw(shown, options.chart)
    print(json.dumps(found) if options.json else "\n".join(lines))


def _prepared(options: argparse.Namespace) -> tuple["Callable[[Scaling], Plan]", "Scaling"]:
    """What simulates these options under any settings, and the settings that were given."""
    from lightsleeper.capacity.plan.manifest import read_manifests  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.plan.report import CPU_HOUR_PRICE, Plan  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.scaling import Scaling  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.simulation import WAKE_S, simulate  # noqa: PLC0415  # see above

    manifest = read_manifests(options.service)
    manifest.settings |= _overrides(options)
    given = manifest.over(Scaling())
    traffic = _traffic(options)
    wake_s = _positive("--wake-s", WAKE_S if options.wake_s is None else options.wake_s, most=3600)
    price = CPU_HOUR_PRICE if options.cpu_hour_price is None else options.cpu_hour_price
    if price:
        _positive("--cpu-hour-price", price)
    times, cpus = _pod(options, manifest, given.container_concurrency)

    def run(scaling: "Scaling") -> "Plan":
        return Plan(scaling, times, wake_s, cpus, price, simulate(traffic, scaling, times, wake_s=wake_s))

    return run, given


def _overrides(options: argparse.Namespace) -> dict[str, float | str]:
    """Settings that are options, read as the annotations of a manifest are."""
    from lightsleeper.capacity.plan.manifest import read_setting  # noqa: PLC0415  # see `main`

    written = {name: getattr(options, name.replace("-", "_")) for name in _SETTINGS}
    return dict(read_setting(f"--{name}", name, value) for name, value in written.items() if value is not None)


def _traffic(options: argparse.Namespace) -> "Traffic":
    from lightsleeper.capacity.plan import traffic  # noqa: PLC0415  # see above
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    given = {name: getattr(options, name) for name in ("hours", "texts", "seed") if getattr(options, name) is not None}
    if options.between is not None and options.rate is None:
        raise ConfigurationError("--between is of --rate: a trace and a burst have their own times")
    if options.trace:
        if given:
            raise ConfigurationError(f"--{next(iter(given))} is of --rate and --burst: a trace has its own")
        trace = traffic.Trace(options.trace)
        next(trace.pieces())  # before anything else is done: is it one?
        return trace
    return traffic.RandomTraffic(
        0.0 if options.rate is None else traffic.parse_rate(options.rate),
        between_s=(0.0, 86400.0) if options.between is None else traffic.parse_between(options.between),
        bursts=tuple(traffic.parse_burst(each) for each in options.burst),
        **given,
    )


def _pod(options: argparse.Namespace, manifest: "Manifest", container_concurrency: int) -> tuple["ServiceTimes", float]:
    """What a pod takes, and the CPUs that it does so with and that are paid for."""
    from lightsleeper.capacity.plan.fleet import MAX_QUEUE_S  # noqa: PLC0415  # see `main`
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    wanted = manifest.max_queue_s if options.max_queue_s is None else options.max_queue_s
    max_queue_s = MAX_QUEUE_S if wanted is None else _positive("--max-queue-s", wanted, most=3600)
    cpus = manifest.cpus if options.cpus is None else _positive("--cpus", options.cpus, most=1024)
    times = replace(_times(options, container_concurrency, cpus), max_queue_s=max_queue_s)
    if options.cpus is None and cpus is not None and times.cpus is not None and math.floor(cpus) != times.cpus:
        found = f"{options.bench} is of {times.cpus:g} CPUs, a pod of the manifest of {cpus:g}"
        raise ConfigurationError(f"{found}: measure that with `bench --cpus`, or say which with --cpus")
    if cpus is None:
        cpus = 1 if times.cpus is None else times.cpus
    return times, cpus


def _times(options: argparse.Namespace, container_concurrency: int, cpus: float | None) -> "ServiceTimes":
    """As given, as recorded, or measured here and now."""
    from lightsleeper.capacity.plan import measured  # noqa: PLC0415  # see `main`
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    apart = {"--pod-rate": options.pod_rate, "--service-p99-ms": options.service_p99_ms}
    for name, value in ({"--service-ms": options.service_ms} | apart).items():
        if options.bench and value is not None:
            raise ConfigurationError(f"{name} is what --bench measured: give one of them")
    if options.bench:
        return measured.of_file(options.bench, container_concurrency)
    if options.service_ms is not None:
        return _given_times(options, container_concurrency)
    for name, value in apart.items():
        if value is not None:
            raise ConfigurationError(f"{name} needs --service-ms: without it all is measured")
    from lightsleeper.capacity.bench import measure  # noqa: PLC0415  # see above
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # see above

    whole = 1 if cpus is None else math.floor(cpus)
    if whole < 1:
        raise ConfigurationError(f"a pod of {cpus:g} CPUs cannot be measured here: give --bench or --service-ms")
    sys.stderr.write("measuring a pod here, half a minute; --bench or --service-ms spare it\n")
    return measured.of_capacity(measure(EMBEDDED, cache_bytes=0, cpus=whole, seconds=1), container_concurrency)


def _given_times(options: argparse.Namespace, container_concurrency: int) -> "ServiceTimes":
    from lightsleeper.capacity.plan import measured  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.plan.fleet import ServiceTimes  # noqa: PLC0415  # see above
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    alone_ms = _positive("--service-ms", options.service_ms, most=3_600_000)
    singly = 1e3 / alone_ms
    rate = singly if options.pod_rate is None else _positive("--pod-rate", options.pod_rate)
    if rate < _ROUNDED * singly:
        raise ConfigurationError(f"--pod-rate must be at least 1000 / --service-ms, {singly:g}, not {rate:g}")
    times = ServiceTimes(alone_ms, rate)
    if options.service_p99_ms is None:
        return times
    p99_ms = _positive("--service-p99-ms", options.service_p99_ms, most=1e9)
    most_ms = measured.most_uneven_ms(times, container_concurrency)
    if not alone_ms <= p99_ms <= most_ms:
        raise ConfigurationError(f"--service-p99-ms must be --service-ms to {most_ms:.4g}, not {p99_ms:g}")
    return measured.uneven(times, p99_ms, container_concurrency)


def _positive(name: str, value: float, most: float = 1e6) -> float:
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    if not 0 < value <= most:
        raise ConfigurationError(f"{name} must be above 0 and at most {most:,g}, not {value:g}")
    return value
