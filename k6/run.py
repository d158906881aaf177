"""Puts load on lightsleeper with the k6 scripts beside this file, and ends in one table.

Without --url each script gets a service of its own on this machine, with a Redis or a door in front where it needs
one. Exit status: 0 every threshold held, 1 one did not, 2 there was nothing to measure.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from control import asleep_on_cluster
from k6_process import HERE, K6, find_k6
from outputs import output_of
from processes import CannotRun
from surroundings import SCRIPTS, around, controlling
from target import check_target
from verdicts import table

SETS = {
    "load": ["smoke", "steady", "burst", "wake", "cache", "stampede", "outage", "drain", "w255"],
    "ci": ["smoke", "stampede", "burst", "outage", "drain"],
}


def main() -> int:
    """The exit status."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, however this ends
    try:
        return asyncio.run(_run(options))
    except CannotRun as reason:
        print(f"load: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


async def _run(options: argparse.Namespace) -> int:
    names = [name for asked in options.scripts or ["load"] for name in SETS.get(asked, [asked])]
    binary = find_k6(options.k6)
    output = output_of(binary, options.otlp, options.prometheus)
    k6 = K6(binary, options.results.resolve(), output.arguments, {**_environment(options), **output.environment})
    k6.results.mkdir(parents=True, exist_ok=True)
    if options.url:
        _check_remote(options, names)
    began_s = time.monotonic()
    capacity_per_s = options.capacity or await _capacity_per_s(k6, options)
    reports, failures = [], []
    for number, name in enumerate(names, 1):
        try:
            reports.append(await _report(k6, options, name, f"[{number}/{len(names)}] {name}", capacity_per_s))
        except CannotRun as reason:
            failures.append(str(reason))
    print(f"\n{_circumstances(capacity_per_s, time.monotonic() - began_s, options)}\n\n{table(reports)}")
    if failures:
        raise CannotRun("; ".join(failures))
    return 0 if all(report["passed"] for report in reports) else 1


async def _capacity_per_s(k6: K6, options: argparse.Namespace) -> float:
    report = await _report(k6, options, "capacity", "capacity", None)
    return float(report["metrics"]["iterations"]["rate"])


async def _report(
    k6: K6, options: argparse.Namespace, name: str, title: str, capacity_per_s: float | None
) -> dict[str, Any]:
    script = SCRIPTS[name]
    environment = {"TIME_SCALE": f"{options.scale or script.scale}"}
    if capacity_per_s:
        environment["CAPACITY_PER_S"] = f"{capacity_per_s:.1f}"
    if not options.url:
        async with around(script, k6.results / f"{name}.log") as addresses:
            return await k6.run(name, environment | addresses, title)
    environment["BASE_URL"] = options.url
    if not (script.door and options.service):
        return await k6.run(name, environment, title)
    async with controlling({"sleep": asleep_on_cluster(options.service, options.namespace)}) as control_url:
        return await k6.run(name, environment | {"CONTROL_URL": control_url}, title)


def _check_remote(options: argparse.Namespace, names: list[str]) -> None:
    impossible = [name for name in names if not SCRIPTS[name].remote]
    if impossible:
        raise CannotRun(f"{', '.join(impossible)}: only without --url, because processes are ended and replaced")
    if "wake" in names and not options.service:
        raise CannotRun("wake: name the Knative service with --service, to see when it sleeps")
    headers = {"host": options.host} if options.host else {}
    if key := os.environ.get("API_KEY"):
        headers["authorization"] = f"Bearer {key}"
    check_target(options.url, headers, allow_remote=options.allow_remote)


def _environment(options: argparse.Namespace) -> dict[str, str]:
    return {
        "SEED": str(options.seed),
        "HOST_HEADER": options.host,
        "JUDGE_TIMES": "never" if options.no_times else "always",
        "ALLOW_REMOTE": "1" if options.allow_remote else "",
    }


def _circumstances(capacity_per_s: float, took_s: float, options: argparse.Namespace) -> str:
    return (
        f"{os.cpu_count()} CPUs shared with k6, load {os.getloadavg()[0]:.1f}, capacity {capacity_per_s:.0f} new "
        f"texts/s, seed {options.seed}, {took_s:.0f} s. Reports: {options.results}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "scripts",
        nargs="*",
        metavar="script",
        help=f"{', '.join(SCRIPTS)}, or a set: {', '.join(SETS)} (default: load)",
    )
    parser.add_argument("--url", help="put load on this service instead of one started here")
    parser.add_argument("--host", default="", help="Host header: the Knative route, when --url is the ingress")
    parser.add_argument("--allow-remote", action="store_true", help="let --url be another machine")
    parser.add_argument("--service", help="Knative service at --url: `wake` and `burst` wait until it sleeps")
    parser.add_argument("--namespace", default="default", help="its namespace")
    parser.add_argument("--scale", type=float, help="part of each script's full time, such as 0.1")
    parser.add_argument("--no-times", action="store_true", help="judge answers alone, on a machine with other work")
    parser.add_argument("--capacity", type=float, help="new texts per second, instead of measuring it first")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6 + 1, help="of all texts and draws")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="where reports go")
    parser.add_argument("--k6", metavar="BINARY", help="this k6 instead of the one that `make load` installs")
    parser.add_argument("--otlp", metavar="URL", help="send k6's metrics there as well, such as http://localhost:4318")
    parser.add_argument("--prometheus", metavar="URL", help="or there, such as http://localhost:9090/api/v1/write")
    options = parser.parse_args()
    unknown = [name for name in options.scripts if name not in {*SETS, *SCRIPTS}]
    if unknown:
        parser.error(f"there is no script {unknown[0]}; there are {', '.join([*SETS, *SCRIPTS])}")
    return options


if __name__ == "__main__":
    sys.exit(main())
