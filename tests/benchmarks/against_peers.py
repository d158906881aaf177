"""Ours against everybody: the same weights, texts and client, on one core and on two, each server as it is documented.

    python tests/benchmarks/against_peers.py [--labelled FILE] [--rounds 3] [--seconds 2] [--only NAME …]

Each round starts every server in turn, so that whatever else the machine does falls on all alike. What was measured is
kept in .venv/peers: a run that was ended goes on where it was, and `--table` prints what there is. FILE, csv or tsv,
has a header with a column `sentence` or `text`, and `label` (0 or NEGATIVE, 1 or POSITIVE).
"""

import argparse
import csv
import signal
from pathlib import Path

from checkpoint import save_checkpoint
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from peers.bench import Bench
from peers.contenders import OURS, PEERS, PLAIN, Places
from peers.results import Store
from peers.runner import Plan, run
from peers.table import tables

ENVIRONMENTS = Path(__file__).parents[2] / ".venv" / "peers"


def main() -> None:
    """Measure what is lacking, and print the tables."""
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the servers are ended, as by Ctrl-C
    places = places_for(options.training)
    write_checkpoint(places)
    store = Store(options.results or places.weights / "results")
    if not options.table:
        points = [f"{texts} {number}" for texts in options.texts for number in options.in_flight]
        labelled = read_labelled(options.labelled) if options.labelled else []
        bench = Bench(places, labelled, options.seconds)
        peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
        run(peers, Plan(options.rounds, options.cores, points), store, bench.start)
    print(tables([store.load(peer.name) for peer in PEERS], OURS.name, PLAIN.name))


def read_labelled(file: Path) -> list[tuple[str, str]]:
    """Texts and their labels by name."""
    names = {"0": "NEGATIVE", "1": "POSITIVE"}
    with file.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, dialect="excel-tab" if file.suffix == ".tsv" else "excel")
        return [(row.get("sentence") or row["text"], names.get(row["label"], row["label"])) for row in rows]


def places_for(training: Path | None) -> Places:
    """Folders for the embedded bundle."""
    bundle = open_bundle(EMBEDDED)
    return Places(ENVIRONMENTS, ENVIRONMENTS / f"bundle-{bundle.digest[:12]}", training)


def write_checkpoint(places: Places) -> None:
    """The embedded bundle as others read it, written once."""
    checkpoint = places.weights / "checkpoint"
    if not (checkpoint / "config.json").exists():
        save_checkpoint(checkpoint)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path)
    parser.add_argument("--training", type=Path, help="labelled texts for who must train a head of its own: model2vec")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--texts", nargs="+", default=["short", "long", "uniform", "cached"])
    parser.add_argument("--in-flight", type=int, nargs="+", default=[1, 8, 32, 128])
    parser.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS])
    parser.add_argument("--results", type=Path, help="the folder to keep them in; by default one for each bundle")
    parser.add_argument("--table", action="store_true", help="print what was measured, and measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
