"""`lightsleeper serve`."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightsleeper.cli.commands import Commands


def add_serve(commands: "Commands") -> None:
    """Add `lightsleeper serve`."""
    command = commands.add_parser(
        "serve",
        help="run the API and the page",
        description="Run the service until SIGTERM. Every setting is an environment variable; README.md lists them.",
    )
    command.set_defaults(run=_serve)


def _serve(_: argparse.Namespace) -> int:
    from lightsleeper.serving.server import serve  # noqa: PLC0415  # `serve` must wake fast

    return serve()
