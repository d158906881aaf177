"""The command line, and what every command ends in.

Each command imports what it needs when it runs: `serve` must wake fast, and most machines have no torch.
"""

import sys
from contextlib import suppress

from lightsleeper.errors import LightsleeperError


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 could not be done (one line says why), 2 misused, 130 interrupted."""
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout:
            sys.stdout.flush()
    except LightsleeperError as error:
        sys.exit(f"lightsleeper: {error.message}")
    except BrokenPipeError:  # `lightsleeper predict … | head`
        sys.stderr.close()
        status = 0
    except OSError as error:  # a full disk behind standard output
        with suppress(OSError):
            sys.stdout.close()  # else Python tries again at the end, and complains
        sys.exit(f"lightsleeper: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}")
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    if arguments == ["serve"]:  # it has no options, and argparse takes a thirtieth of a wake
        from lightsleeper.serving.server import serve  # noqa: PLC0415  # see above

        return serve()
    from lightsleeper.cli.parser import new_parser  # noqa: PLC0415  # see above

    options = new_parser().parse_args(arguments)
    status: int = options.run(options)
    return status
