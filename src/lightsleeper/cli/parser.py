"""The one parser of the command line: every command with its options."""

import argparse

from lightsleeper import __version__
from lightsleeper.cli.bench import add_bench
from lightsleeper.cli.evaluate import add_evaluate
from lightsleeper.cli.plan import add_plan
from lightsleeper.cli.predict import add_predict
from lightsleeper.cli.prepare import add_prepare
from lightsleeper.cli.serve import add_serve
from lightsleeper.cli.train import add_train

_EPILOG = """\
examples:
  lightsleeper serve                                      the API and the page on http://localhost:8080
  lightsleeper predict "What a film!" "Dull and long."    two texts, one line each
  lightsleeper predict --file reviews.csv --out labelled.csv
  cat reviews.txt | lightsleeper predict --file - --format txt --output-format jsonl
  lightsleeper evaluate labelled.tsv                      accuracy, F1, calibration of the embedded model
  lightsleeper train mine.csv --out my-bundle             your own labels
  LIGHTSLEEPER_BUNDLE=my-bundle lightsleeper serve
  lightsleeper plan --rate 300/min --hours 1 --service-ms 4

`lightsleeper COMMAND --help` explains each.
"""


def new_parser() -> argparse.ArgumentParser:
    """Its `run` is what a command does with the options; the exit status comes back."""
    parser = argparse.ArgumentParser(
        prog="lightsleeper",
        description="A text classifier that sleeps at zero and answers half a second after its process starts.",
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
