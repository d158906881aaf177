"""Each family with each head, from a small trained checkpoint to its bundle: a row of what was found.

    .venv/bin/python tests/benchmarks/families_table.py                  all of them
    .venv/bin/python tests/benchmarks/families_table.py albert mpnet     these
    .venv/bin/python tests/benchmarks/families_table.py --task regression

Agreement and size are the bundle's; batch-mates: how far a logit moves in company; ids: of 500 odd texts, how many get
the ids of transformers' own tokenizer; texts a second are those of a model of two small layers, to compare families by.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from families import KINDS, write_trained
from family_texts import odd_texts, texts_of
from lightsleeper.bulk.stream import classify_all
from lightsleeper.model.model import load_model
from lightsleeper.training.checkpoint import Checkpoint
from lightsleeper.training.prepare import prepare

TASKS = ("single_label_classification", "multi_label_classification", "regression")


def row(kind: str, task: str) -> str:
    """What was found of one."""
    with TemporaryDirectory() as folder:
        source = write_trained(kind, Path(folder, "source"), task=task)
        bundle = prepare(str(source), Path(folder, "bundle"))
        model = load_model(bundle.folder)
        texts = [text for text, _ in texts_of(200, seed=7)]
        started_s = time.process_time()
        together = np.array([answer.logits for answer in classify_all(model, texts, workers=1)])
        took_s = time.process_time() - started_s
        alone = np.array([model.run([text])[0] for text in model.tokenizer.encode(texts)])
        odd = odd_texts(500)
        hub = Checkpoint(source, kind, "1").hub_tokenizer
        expected = hub(odd, truncation=True, max_length=bundle.manifest.max_tokens).input_ids
        equal = sum(list(text.ids) == ids for text, ids in zip(model.tokenizer.encode(odd), expected, strict=True))
        found = bundle.manifest.quantization["agreement"]
        size = sum(file["bytes"] for file in bundle.manifest.files.values())
        return (
            f"{kind:<12} {bundle.manifest.task:<26} {found['same_label']:>7.1%} {found['mean_difference']:>7.4f} "
            f"{np.abs(together - alone).max():>9.1e} {equal:>4}/500 {size / 1e3:>6.0f} kB {len(texts) / took_s:>7.0f}"
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("family", nargs="*", help=f"all by default, of {', '.join(KINDS)}")
    parser.add_argument("--task", nargs="+", choices=TASKS, default=TASKS)
    options = parser.parse_args()
    if unknown := set(options.family) - set(KINDS):
        parser.error(f"no family {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    print(f"{'family':<12} {'task':<26} {'agree':>7} {'moved':>7} {'company':>9} {'ids':>8} {'size':>9} {'texts/s':>7}")
    for kind in options.family or KINDS:
        for task in options.task:
            print(row(kind, task), flush=True)


if __name__ == "__main__":
    main()
