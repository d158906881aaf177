"""`lightsleeper bench`: what one pod can carry."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands


def add_bench(commands: "Commands") -> None:
    """Add `lightsleeper bench`."""
    command = commands.add_parser(
        "bench",
        help="measure one pod here and recommend its Knative numbers",
        description="Start the service, measure service time, throughput and memory, and print the concurrency "
        "target, containerConcurrency, CPU and memory for knative/base/service.yaml, with the arithmetic.",
    )
    command.add_argument("--bundle", type=Path, metavar="DIR", help="model bundle; the embedded one by default")
    command.add_argument("--cpus", type=int, default=1, metavar="N", help="CPUs of the pod; 1 by default")
    command.add_argument("--tokens", type=int, default=32, metavar="N", help="tokens of a typical text; 32 by default")
    command.add_argument(
        "--latency-target-ms", type=float, default=250, metavar="MS", help="p99 to stay below; 250 by default"
    )
    command.add_argument("--json", action="store_true", help="one JSON object, which `plan --bench` reads")
    command.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> int:
    import json  # noqa: PLC0415  # see `main`

    from lightsleeper.capacity.bench import measure  # noqa: PLC0415  # see `main`
    from lightsleeper.capacity.capacity import as_json, describe  # noqa: PLC0415  # see above
    from lightsleeper.model.bundle import EMBEDDED  # noqa: PLC0415  # see above
    from lightsleeper.serving.settings import read_settings  # noqa: PLC0415  # see above

    settings = read_settings()
    found = measure(
        options.bundle or EMBEDDED,
        cache_bytes=settings.cache_bytes if settings.cache_entries else 0,
        cpus=options.cpus,
        tokens=options.tokens,
        latency_target_ms=options.latency_target_ms,
    )
    print(json.dumps(as_json(found)) if options.json else "\n".join(describe(found)))
    return 0
