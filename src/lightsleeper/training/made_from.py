"""What a run is made from, and the notes that say so: in its folder, beside its checkpoint, in its bundle."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lightsleeper.bulk.records import Reading
from lightsleeper.errors import BundleError, ConfigurationError
from lightsleeper.model.bundle import MANIFEST, open_bundle
from lightsleeper.training.encoder import ENCODER_ID, ENCODER_SHA256, require_encoder
from lightsleeper.training.files import SAFETENSORS, read_json
from lightsleeper.training.held_out import SHARE
from lightsleeper.training.mix import Augmentation, Source
from lightsleeper.training.recipe import Recipe

_RUN = "run.json"
#: Beside a checkpoint's weights: what it was trained from and how.
_MADE_BY = "made_by.json"


@dataclass(frozen=True)
class Run:
    """All that decides what comes out of a run."""

    sources: Sequence[Source]
    augmentations: Sequence[Augmentation] = ()
    #: Names in id order, needed where the files hold ids; by default those found, sorted.
    labels: Sequence[str] | None = None
    #: A folder with a BERT encoder, an earlier checkpoint, or a bundle; by default the packaged encoder.
    encoder: Path | None = None
    #: Give emoji tokens of their own.
    emoji: bool = False
    #: A bundle or a checkpoint of the same labels, which labels the unlabelled files.
    teacher: Path | None = None
    #: Share of the rows with labels that is never trained on: it says when to stop and what was reached.
    held_out: float = SHARE
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        """ConfigurationError for a share that leaves nothing to learn from, and for labels that are none."""
        if not 0 <= self.held_out < 1:
            raise ConfigurationError(f"--held-out must be 0 or more and less than 1, not {self.held_out:g}")
        if self.labels is not None and (len(self.labels) < 2 or len({*self.labels, ""}) <= len(self.labels)):  # noqa: PLR2004  # a pair
            raise ConfigurationError("--labels must be names of two labels or more, each once")


def facts_of(run: Run, labels: Sequence[str], encoder: Path) -> dict[str, Any]:
    """What a run was made from beside its recipe, `labels` and `encoder` found: the same facts, the same run."""
    return {
        "data": {
            f"{source.file.resolve().parent.name}/{source.file.name}": {
                "sha256": sha256_of(source.file),
                "kind": source.kind,
                "weight": source.weight,
                **({"read": asdict(source.reading)} if source.reading != Reading() else {}),
            }
            for source in run.sources
        },
        "augment": {augmentation.name: augmentation.share for augmentation in run.augmentations},
        "emoji": run.emoji,
        "held_out": run.held_out,
        "labels": list(labels),
        "encoder": _origin(encoder),
        **({"teacher": _origin(run.teacher)} if run.teacher else {}),
    }


def claim(work: Path, facts: dict[str, Any]) -> None:
    """Mark `work` as the folder of this run, which removes it in the end.

    BundleError if it holds the checkpoint of another run, or what is none of a run.
    """
    work.mkdir(parents=True, exist_ok=True)
    note = work / _RUN
    begun = any(path != note for path in work.iterdir())
    if begun and not note.exists():
        raise BundleError(f"{work} is not empty, and a run removes its folder in the end: choose a new one for --work")
    if begun and read_json(note) != facts:
        raise BundleError(f"{work} holds an unfinished run on other data or labels: remove it, or finish that one")
    note.write_text(json.dumps(facts, indent=2) + "\n")


def note_maker(checkpoint: Path, made_by: dict[str, Any]) -> None:
    """Say beside the weights what they were made from: a run that starts from them says so, too."""
    (checkpoint / _MADE_BY).write_text(json.dumps(made_by, indent=2) + "\n")


def sha256_of(file: Path) -> str:
    """In hex."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _origin(encoder: Path) -> dict[str, Any]:
    """What training starts from: the packaged encoder, a bundle, or a checkpoint, with the run that made it."""
    if (encoder / MANIFEST).exists():
        bundle = open_bundle(encoder)
        return {"bundle": bundle.manifest.model_id, "digest": bundle.digest, "made_by": bundle.manifest.made_by}
    require_encoder(encoder)
    sha256 = sha256_of(encoder / SAFETENSORS)
    if sha256 == ENCODER_SHA256:
        return {"id": ENCODER_ID, "sha256": sha256}
    made_by = encoder / _MADE_BY
    return {"sha256": sha256, **({"made_by": read_json(made_by)} if made_by.exists() else {})}
