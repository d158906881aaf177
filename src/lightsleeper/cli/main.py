"""The command line: one parser, and what every command ends in.

Each command imports what it needs when it runs: `serve` must wake fast, and most machines have no torch.
"""

import argparse
import sys

from lightsleeper import __version__
from lightsleeper.cli.bench import add_bench
from lightsleeper.cli.evaluate import add_evaluate
from lightsleeper.cli.plan import add_plan
from lightsleeper.cli.predict import add_predict
from lightsleeper.cli.prepare import add_prepare
from lightsleeper.cli.serve import add_serve
from lightsleeper.cli.train import add_train
from lightsleeper.errors import LightsleeperError

_EPILOG = """\
examples:
  lightsleeper serve                                      the API and the page on http://localhost:8080
  lightsleeper predict "What a film!" "Dull and long."    two texts, one line each
  lightsleeper predict --file reviews.csv --out labelled.csv
  cat reviews.txt | lightsleeper predict --file - --format txt --output-format jsonl
  lightsleeper evaluate labelled.tsv                      accuracy, F1, calibration of the embedded model
  lightsleeper train mine.csv --out my-bundle             your own labels
  LIGHTSLEEPER_BUNDLE=my-bundle lightsleeper serve

`lightsleeper COMMAND --help` explains each.
"""


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit: 0 done, 1 could not be done (one line says why), 2 misused, 130 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        status = options.run(options)
    except LightsleeperError as error:
        sys.exit(f"lightsleeper: {error.message}")
    except BrokenPipeError:  # `lightsleeper predict … | head`
        sys.stderr.close()
        status = 0
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lightsleeper",
        description="A text classifier that sleeps at zero and wakes in well under a second.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    add_serve(commands)
    add_predict(commands)
    add_train(commands)
    add_prepare(commands)
    add_evaluate(commands)
    add_bench(commands)
    add_plan(commands)
    return parser
