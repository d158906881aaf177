"""`lightsleeper plan`: what Knative's autoscaler will make of some traffic, and what that costs."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightsleeper.capacity.plan.fleet import ServiceTimes
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
"""

#: Option → what it is. They override what --service says; the defaults are those of knative/base/service.yaml.
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
        "--service", action="append", default=[], type=Path, metavar="FILE", help="manifest, or patch; may be repeated"
    )
    for name, what in _SETTINGS.items():
        settings.add_argument(f"--{name}", metavar="N", help=what)
    command.add_argument("--compare", action="store_true", help="try other settings; name the cheapest fast enough")
    command.add_argument(
        "--latency-target-ms", type=float, default=250, metavar="MS", help="p99 to stay below with --compare; 250"
    )
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
    traffic.add_argument("--between", metavar="FROM-TO", help="only then, every day: 07:00-23:00")
    traffic.add_argument("--hours", type=float, default=24, metavar="N", help="how long; 24")
    traffic.add_argument("--texts", type=int, default=1, metavar="N", help="texts of a request; 1")
    traffic.add_argument("--seed", type=int, default=1, metavar="N", help="another day of the same kind; 1")


def _add_pod(command: argparse.ArgumentParser) -> None:
    pod = command.add_argument_group("pod", "measured here, as `bench` does, unless you say")
    pod.add_argument("--service-ms", type=float, metavar="MS", help="of a text that is alone")
    pod.add_argument("--pod-rate", type=float, metavar="N", help="texts/s at most; else one after the other")
    pod.add_argument("--service-p99-ms", type=float, metavar="MS", help="of the slowest alone; else all are equal")
    pod.add_argument("--bench", type=Path, metavar="FILE", help="what `lightsleeper bench --json` printed")
    pod.add_argument("--wake-s", type=float, default=1.4, metavar="S", help="until a new pod is ready; 1.4")
    pod.add_argument("--cpus", type=float, metavar="N", help="paid for each pod; the manifest's limit, or 1")
    pod.add_argument("--cpu-hour-price", type=float, metavar="N", help="of one CPU for an hour; 0.043 (dollars)")


def _plan(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.capacity.plan.chart import check_name, draw  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.compare import compare  # noqa: PLC0415  # see above

    if (options.trace is None) == (options.rate is None and not options.burst):
        sys.stderr.write("lightsleeper plan: give --trace, or --rate and --burst\n")
        return 2
    if options.chart:
        check_name(options.chart)
    run, given = _prepared(options)
    if options.compare:
        comparison = compare(run, given, _positive("--latency-target-ms", options.latency_target_ms))
        shown, lines, found = comparison.best, comparison.lines(), comparison.as_json()
    else:
        shown = run(given)
        lines, found = shown.lines(), shown.as_json()
    if options.chart:
        draw(shown, options.chart)
    print(json.dumps(found) if options.json else "\n".join(lines))
    return 0


def _prepared(options: argparse.Namespace) -> tuple["Callable[[Scaling], Plan]", "Scaling"]:
    """What simulates these options under any settings, and the settings that were given."""
    from lightsleeper.capacity.plan.manifest import read_manifests  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.plan.report import CPU_HOUR_PRICE, Plan  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.scaling import Scaling  # noqa: PLC0415  # see above
    from lightsleeper.capacity.plan.simulation import simulate  # noqa: PLC0415  # see above

    manifest = read_manifests(options.service)
    manifest.settings |= _overrides(options)
    given = manifest.over(Scaling())
    traffic = _traffic(options)
    times = _times(options, given.container_concurrency)
    wake_s = _positive("--wake-s", options.wake_s, most=3600)
    cpus = _positive("--cpus", options.cpus or manifest.cpus or 1, most=1024)
    price = CPU_HOUR_PRICE if options.cpu_hour_price is None else options.cpu_hour_price
    if price:
        _positive("--cpu-hour-price", price)

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

    if options.trace:
        trace = traffic.Trace(options.trace)
        next(trace.pieces())  # before anything else is done: is it one?
        return trace
    return traffic.RandomTraffic(
        traffic.parse_rate(options.rate) if options.rate else 0.0,
        hours=options.hours,
        between_s=traffic.parse_between(options.between) if options.between else (0.0, 86400.0),
        bursts=tuple(traffic.parse_burst(each) for each in options.burst),
        texts=options.texts,
        seed=options.seed,
    )


def _times(options: argparse.Namespace, container_concurrency: int) -> "ServiceTimes":
    """As given, as recorded, or measured here and now."""
    from lightsleeper.capacity.plan import measured  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.plan.fleet import ServiceTimes  # noqa: PLC0415  # see above

    if options.bench:
        return measured.of_file(options.bench, container_concurrency)
    if options.service_ms is not None:
        alone_ms = _positive("--service-ms", options.service_ms, most=3_600_000)
        rate = 1e3 / alone_ms if options.pod_rate is None else _positive("--pod-rate", options.pod_rate)
        slowest_ms = alone_ms if options.service_p99_ms is None else options.service_p99_ms
        return ServiceTimes(alone_ms, rate, measured.spread_of(alone_ms, _positive("--service-p99-ms", slowest_ms)))
    from lightsleeper.capacity.bench import measure  # noqa: PLC0415  # see above
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # see above

    sys.stderr.write("measuring a pod here, half a minute; --bench or --service-ms spare it\n")
    return measured.of_capacity(measure(EMBEDDED, cache_bytes=0, seconds=1), container_concurrency)


def _positive(name: str, value: float, most: float = 1e6) -> float:
    from lightsleeper.errors import ConfigurationError  # noqa: PLC0415  # see above

    if not 0 < value <= most:
        raise ConfigurationError(f"{name} must be above 0 and at most {most:,g}, not {value:g}")
    return value
