"""A Hugging Face sequence classifier, on the hub or in a folder, and what a bundle needs to know of it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from huggingface_hub import HfApi, is_offline_mode, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tokenizers import Tokenizer
from transformers import PreTrainedModel
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from lightsleeper.errors import BundleError, LightsleeperError
from lightsleeper.model.bundle import CHECKPOINT, MANIFEST, MANIFEST_VERSION, TOKENIZER, Bundle, Manifest
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import Tokenizer as BundleTokenizer
from lightsleeper.model.torch_engine import TorchEngine
from lightsleeper.training.configuration import CONFIG, read_config
from lightsleeper.training.families import longest_input
from lightsleeper.training.files import WEIGHTS, digest, first_line, weight_files
from lightsleeper.training.hub_tokenizer import (
    TOKENIZER_FILES,
    fast_form,
    longest_text,
    read_tokenizer,
    save_tokenizer,
    special_tokens,
)
from lightsleeper.training.task import task_of
from lightsleeper.training.weights import load_model

#: Besides weights: what is read of a model of the hub, and what says that it is none.
_OTHER_FILES = (CONFIG, "adapter_config.json", *TOKENIZER_FILES)

#: First and last token and one between.
_SHORTEST_TOKENS = 3

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
            return read_tokenizer(self.folder, self._config)

    def save(self, folder: Path) -> None:
        """Write it anew, whole: float32 weights, configuration and tokenizer."""
        self.model().save_pretrained(folder)
        save_tokenizer(self.tokenizer(), folder, special=special_tokens(self.hub_tokenizer))

    def manifest(self) -> Manifest:
        """The manifest of a bundle made from it, as far as the checkpoint decides."""
        config = self.config()
        with self._named():
            max_tokens = self._longest(config)
        return Manifest(
            manifest_version=MANIFEST_VERSION,
            model_id=self.model_id,
            revision=self.revision,
            task=task_of(config, self.task),
            labels=tuple(str(config.id2label[index]).strip() for index in range(config.num_labels)),
            architecture=config.model_type,
            max_tokens=max_tokens,
            pad_token_id=config.pad_token_id,
            quantization={},
            files={},
            accuracy={},
            made_by={},
        )

    @contextmanager
    def opened(self, device: str = "cpu") -> Iterator[Model]:
        """The checkpoint at work in torch, float32: the reference for its bundle, or on CUDA a teacher in a hurry."""
        manifest = self.manifest()
        with TemporaryDirectory() as folder:
            tokenizer = Path(folder, TOKENIZER)
            self.tokenizer().save(str(tokenizer))
            yield Model(
                Bundle(self.folder, manifest, hashlib.sha256(self.revision.encode()).hexdigest()),
                BundleTokenizer(tokenizer, manifest.max_tokens),
                TorchEngine(self.model().to(device), manifest.pad_token_id),
            )

    @cached_property
    def _config(self) -> Any:  # noqa: ANN401  # transformers' own
        return read_config(self.folder, self.task)

    @cached_property
    def _model(self) -> PreTrainedModel:
        return load_model(self.folder, self._config)

    def _longest(self, config: Any) -> int:  # noqa: ANN401  # transformers' own
        limits = {
            f"{CONFIG}: max_position_embeddings": longest_input(config),
            "tokenizer_config.json: model_max_length": longest_text(self.hub_tokenizer),
            "--max-tokens": self.max_tokens,
        }
        which, longest = min(((name, limit) for name, limit in limits.items() if limit is not None), key=itemgetter(1))
        if longest < _SHORTEST_TOKENS:
            raise BundleError(f"{which} leaves {longest} tokens for a text; expected {_SHORTEST_TOKENS} or more")
        if self.max_tokens is not None and self.max_tokens > longest:
            raise BundleError(f"--max-tokens is {self.max_tokens:,}, but {which} leaves {longest:,}: ask for no more")
        return longest

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
    except Exception as error:  # the hub's client, the one for HTTP below it and the system have classes of their own
        raise BundleError(_why_not(source, revision, error)) from error


def _why_not(source: str, revision: str | None, error: Exception) -> str:
    """Why it could not be downloaded; of classes that are kinds of each other the narrower stands first."""
    reasons: dict[type[Exception], str] = {
        HFValidationError: f"{source} is neither a folder nor the id of a model on the hub",
        GatedRepoError: f"{source} is gated: accept its terms on the hub, then log in (HF_TOKEN)",
        RepositoryNotFoundError: f"{source}: the hub has no such model, or none that these credentials may read",
        RevisionNotFoundError: f"{source}: the hub has no revision {revision} of it",
        LocalEntryNotFoundError: f"{source} is no folder here, nor was it downloaded earlier; HF_HUB_OFFLINE is set",
    }
    if not is_offline_mode():
        del reasons[LocalEntryNotFoundError]
    found = next((reason for kind, reason in reasons.items() if isinstance(error, kind)), None)
    return found or f"{source} is no folder here and cannot be downloaded: {first_line(error)}"


def local_revision(folder: Path) -> str:
    """What identifies a checkpoint outside the hub: the sha256 of its weights."""
    return digest(weight_files(folder))


def _download(model_id: str, revision: str | None) -> Checkpoint:
    if is_offline_mode():  # somebody said so: what was downloaded earlier is what there is
        folder = Path(snapshot_download(model_id, revision=revision, local_files_only=True))
        return _downloaded(folder, model_id)
    found = HfApi().model_info(model_id, revision=revision)
    files = {sibling.rfilename for sibling in found.siblings or ()}
    # The pickled form only where there is no other; torch then reads it with `weights_only`.
    first = next((name for name in WEIGHTS if name in files), WEIGHTS[0])
    stem, _, ending = first.removesuffix(".index.json").rpartition(".")
    parts = [f"{stem}-*.{ending}"] if first.endswith(".index.json") else []
    folder = Path(snapshot_download(model_id, revision=revision, allow_patterns=[first, *parts, *_OTHER_FILES]))
    return _downloaded(folder, model_id)


def _downloaded(folder: Path, model_id: str) -> Checkpoint:
    """The client's cache calls a folder by the commit that it holds."""
    try:
        weight_files(folder)
    except BundleError as error:
        raise BundleError(f"{model_id}: {error.message}") from error
    return Checkpoint(folder, model_id, folder.name)
