"""A larger model labels what nobody has: its probabilities on unlabelled texts are soft labels to learn from.

Distillation (Hinton et al. 2015, arXiv:1503.02531) on unlabelled text of the same kind, which is worth more than any
trick of the loss (Mukherjee and Awadallah 2019, arXiv:1910.01769).
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

import torch
from tqdm import tqdm

from lightsleeper.bulk.records import Reading
from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import MANIFEST
from lightsleeper.model.cpu_quota import cpus, worker_count
from lightsleeper.model.head import ONE_LABEL
from lightsleeper.model.model import Model, load_model
from lightsleeper.model.prediction import softmax
from lightsleeper.training.checkpoint import find_checkpoint
from lightsleeper.training.mix import Row


def labelled_by(
    teacher: Path, file: Path, labels: Sequence[str], cache: Path, reading: Reading | None = None
) -> list[Row]:
    """A row for every text of `file`, read as `reading` says, with the probabilities that `teacher` gives `labels`.

    `teacher` is a bundle or a checkpoint with the same labels in the same order, else BundleError. What it said is
    kept in `cache`, a line a text, so that an interrupted run goes on where it was.
    """
    texts = (reading or Reading()).texts(file)
    done = cache.read_text(encoding="utf-8").splitlines() if cache.exists() else []
    with ExitStack() as opened:
        model = opened.enter_context(_opened(teacher))
        if model.head.task != ONE_LABEL:
            raise BundleError(f"{teacher} does not choose one of several labels: it is no teacher of {list(labels)}")
        if list(model.labels) != list(labels):
            raise BundleError(f"{teacher} knows the labels {list(model.labels)}, not {list(labels)}")
        kept = opened.enter_context(cache.open("a", encoding="utf-8"))
        answers = classify_all(model, islice(texts, len(done), None), workers=worker_count(cpus()))
        for answer in tqdm(answers, initial=len(done), total=len(texts), unit=" texts", desc="teacher", disable=None):
            line = json.dumps(softmax(answer.logits))
            kept.write(line + "\n")
            done.append(line)
    return [Row(text, tuple(json.loads(line))) for text, line in zip(texts, done, strict=True)]


@contextmanager
def _opened(teacher: Path) -> Iterator[Model]:
    if (teacher / MANIFEST).exists():
        yield load_model(teacher)
    else:
        with find_checkpoint(str(teacher)).opened("cuda" if torch.cuda.is_available() else "cpu") as model:
            yield model
