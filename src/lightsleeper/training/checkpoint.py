"""A Hugging Face sequence classifier, on the hub or in a folder, and what a bundle needs to know of it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from lightsleeper.errors import BundleError, LightsleeperError
from lightsleeper.model.bundle import CHECKPOINT, MANIFEST, MANIFEST_VERSION, TOKENIZER, Bundle, Manifest
from lightsleeper.model.manifest_fields import is_line
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import Tokenizer as BundleTokenizer
from lightsleeper.model.torch_engine import TorchEngine
from lightsleeper.training.families import family_of, longest_input
from lightsleeper.training.files import (
    AS_IT_LIES,
    WEIGHTS,
    digest,
    first_line,
    read_json,
    reported,
    weight_files,
)
from lightsleeper.training.hub_tokenizer import (
    TOKENIZER_FILES,
    fast_form,
    longest_text,
    read_tokenizer,
    save_tokenizer,
    special_tokens,
)
from lightsleeper.training.task import task_of

_CONFIG = "config.json"
#: Besides weights: what is read of a model of the hub, and what says that it is none.
_OTHER_FILES = (_CONFIG, "adapter_config.json", *TOKENIZER_FILES)

disable_progress_bar()  # one bar per file read from a local disk
set_verbosity_error()  # what it warns of is checked here, and said in one line


@dataclass(frozen=True)
class Checkpoint:
    """A folder as `save_pretrained` writes it, and where it came from."""

    folder: Path
    model_id: str
    #: A commit of the hub, or the sha256 of a local folder's weights.
    revision: str
    #: What its outputs mean, where its configuration does not say it; see `task`.
    task: str | None = None
    #: Fewer tokens than it has positions for, where that is wanted.
    max_tokens: int | None = None

    def config(self) -> Any:  # noqa: ANN401  # a class per architecture
        """The model's configuration; BundleError if it is no classifier of `FAMILIES`."""
        with self._named():
            return self._config

    def model(self) -> PreTrainedModel:
        """The model in float32 whatever it was saved in, with the attention code that exports best.

        BundleError if the weights lack some, fit another configuration, or are not finite.
        """
        with self._named():
            return self._model

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, without the cutting and padding that many files have baked in."""
        with self._named():
            return fast_form(self.hub_tokenizer)

    @cached_property
    def hub_tokenizer(self) -> Any:  # noqa: ANN401  # transformers' own
        """Its tokenizer as transformers reads it: the reference for ours."""
        with self._named():
            return read_tokenizer(self.folder, self._config.vocab_size)

    def save(self, folder: Path) -> None:
        """Write it anew, whole: float32 weights, configuration and tokenizer."""
        self.model().save_pretrained(folder)
        save_tokenizer(self.tokenizer(), folder, special=special_tokens(self.hub_tokenizer))

    def manifest(self) -> Manifest:
        """The manifest of a bundle made from it, as far as the checkpoint decides."""
        config = self.config()
        limits = (longest_input(config), longest_text(self.hub_tokenizer), self.max_tokens)
        return Manifest(
            manifest_version=MANIFEST_VERSION,
            model_id=self.model_id,
            revision=self.revision,
            task=task_of(config, self.task),
            labels=tuple(str(config.id2label[index]).strip() for index in range(config.num_labels)),
            architecture=config.model_type,
            max_tokens=min(limit for limit in limits if limit is not None),
            pad_token_id=config.pad_token_id,
            quantization={},
            files={},
            accuracy={},
            made_by={},
        )

    @contextmanager
    def opened(self) -> Iterator[Model]:
        """The checkpoint at work in torch, float32: the reference for its bundle."""
        manifest = self.manifest()
        with TemporaryDirectory() as folder:
            tokenizer = Path(folder, TOKENIZER)
            self.tokenizer().save(str(tokenizer))
            yield Model(
                Bundle(self.folder, manifest, hashlib.sha256(self.revision.encode()).hexdigest()),
                BundleTokenizer(tokenizer, manifest.max_tokens),
                TorchEngine(self.model(), manifest.pad_token_id),
            )

    @cached_property
    def _config(self) -> Any:  # noqa: ANN401  # transformers' own
        read_json(self.folder / _CONFIG)
        with reported(f"{_CONFIG} cannot be read"):
            config = AutoConfig.from_pretrained(self.folder, **AS_IT_LIES)
        family_of(config)
        _require_readable(config)
        task_of(config, self.task)
        return config

    @cached_property
    def _model(self) -> PreTrainedModel:
        config = self._config
        file = weight_files(self.folder)[0].name
        with reported(f"{file} cannot be loaded"):
            model, found = AutoModelForSequenceClassification.from_pretrained(
                self.folder,
                attn_implementation="eager",
                dtype=torch.float32,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # told in `found`, so that it can be told in one line
                weights_only=True,
                **AS_IT_LIES,
            )
        _require_complete(found, config, file)
        _require_finite(model, file)
        return model.eval()

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Say which model it is that something is wrong with."""
        try:
            yield
        except BundleError as error:
            if error.message.startswith(f"{self.model_id}: "):
                raise
            raise BundleError(f"{self.model_id}: {error.message}") from error


def find_checkpoint(
    source: str,
    revision: str | None = None,
    *,
    name: str | None = None,
    task: str | None = None,
    max_tokens: int | None = None,
) -> Checkpoint:
    """The local folder `source`, or the hub's model of that id at `revision` (default: its newest), downloaded.

    `name` is the model id of a local folder, else the folder's own name; `task` and `max_tokens` are `Checkpoint`'s.
    """
    found = _found(source, revision, name)
    return replace(found, task=task, max_tokens=max_tokens)


def _found(source: str, revision: str | None, name: str | None) -> Checkpoint:
    folder = Path(source)
    if folder.is_dir():
        if revision is not None:
            raise BundleError(f"{source} is a local folder: it has no revision {revision}")
        if (folder / MANIFEST).exists():
            raise BundleError(
                f"{source} is a bundle already; what it was made from is {CHECKPOINT}/, where it was kept"
            )
        return Checkpoint(folder, name or folder.resolve().name, local_revision(folder))
    if folder.exists():
        raise BundleError(f"{source} is a file, expected a folder or the id of a model on the hub")
    try:
        return _download(source, revision)
    except LightsleeperError:
        raise
    except HFValidationError as error:
        raise BundleError(f"{source} is neither a folder nor the id of a model on the hub") from error
    except RepositoryNotFoundError as error:
        raise BundleError(f"{source}: the hub has no such model, or none that these credentials may read") from error
    except RevisionNotFoundError as error:
        raise BundleError(f"{source}: the hub has no revision {revision} of it") from error
    except Exception as error:  # the hub's client, the one for HTTP below it and the system have classes of their own
        raise BundleError(f"{source} is no folder here and cannot be downloaded: {first_line(error)}") from error


def local_revision(folder: Path) -> str:
    """What identifies a checkpoint outside the hub: the sha256 of its weights."""
    return digest(weight_files(folder))


def _download(model_id: str, revision: str | None) -> Checkpoint:
    found = HfApi().model_info(model_id, revision=revision)
    files = {sibling.rfilename for sibling in found.siblings or ()}
    # The pickled form only where there is no other; torch then reads it with `weights_only`.
    first = next((name for name in WEIGHTS if name in files), WEIGHTS[0])
    stem, _, ending = first.removesuffix(".index.json").rpartition(".")
    parts = [f"{stem}-*.{ending}"] if first.endswith(".index.json") else []
    folder = Path(snapshot_download(model_id, revision=found.sha, allow_patterns=[first, *parts, *_OTHER_FILES]))
    weight_files(folder)
    return Checkpoint(folder, model_id, str(found.sha))


def _require_readable(config: Any) -> None:  # noqa: ANN401  # transformers' own
    """BundleError unless its labels and its padding are what a manifest can say."""
    ids = sorted(config.id2label)
    if ids != list(range(len(ids))):
        raise BundleError(f"{_CONFIG}: id2label has the ids {_listed(ids)}; expected 0 to {len(ids) - 1}")
    names = [str(config.id2label[index]).strip() for index in ids]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BundleError(f"{_CONFIG}: id2label gives two outputs one name: {_listed(twice)}")
    for name in names:
        if not is_line(name):
            raise BundleError(f"{_CONFIG}: id2label: {name[:100]!r} is no name of a label; expected a line of text")
    if type(config.pad_token_id) is not int:
        raise BundleError(f"{_CONFIG}: pad_token_id is {config.pad_token_id}; expected the id of the padding token")
    if getattr(config, "quantization_config", None):
        raise BundleError(f"{_CONFIG}: quantization_config: the weights are quantised already; expected float ones")


def _require_complete(found: dict[str, Any], config: Any, file: str) -> None:  # noqa: ANN401  # transformers'
    for name, held, wanted in sorted(found["mismatched_keys"]):
        if list(held[1:]) == list(wanted[1:]) and wanted[0] == config.num_labels:
            raise BundleError(f"{_CONFIG} names {wanted[0]} labels, but {name} in {file} has {held[0]} outputs")
        raise BundleError(f"{file}: {name} has the shape {list(held)}, expected {list(wanted)} as {_CONFIG} says")
    missing = sorted(found["missing_keys"])
    if missing:
        made_for = ", ".join(config.architectures or ["nothing that it names"])
        what = (
            "no classification head" if all(_is_head(name) for name in missing) else f"{len(missing)} weights missing"
        )
        raise BundleError(
            f"{what}: {file} lacks {_listed(missing, 3)} (made for {made_for}); expected a …ForSequenceClassification"
        )


def _is_head(name: str) -> bool:
    return name.split(".", maxsplit=1)[0] in {"classifier", "pre_classifier", "head", "pooler"} or ".pooler." in name


def _require_finite(model: PreTrainedModel, file: str) -> None:
    """A weight that no text of ours meets (the embedding of a rare word) shows itself to nobody but its user."""
    for name, tensor in model.state_dict().items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BundleError(f"{file}: {name} holds values that are no finite numbers")


def _listed(values: Any, most: int = 5) -> str:  # noqa: ANN401  # names or numbers
    shown = ", ".join(str(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
