"""A Hugging Face sequence classifier, on the hub or in a folder, and what a bundle needs to know of it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel
from transformers.utils.logging import disable_progress_bar

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import MANIFEST_VERSION, TOKENIZER, Bundle, Manifest
from lightsleeper.model.model import Model
from lightsleeper.model.tokenizer import Tokenizer as BundleTokenizer
from lightsleeper.model.torch_engine import TorchEngine

#: Architectures whose export and quantisation are tested; all put one special token before a text and one after.
ARCHITECTURES = ("distilbert", "bert", "roberta")

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt")
_OTHER_FILES = ("config.json", "special_tokens_map.json", "added_tokens.json", *_TOKENIZER_FILES)

#: Nothing is fetched, and no code of the checkpoint is run: left to itself the library asks on the terminal whether to.
_AS_IT_LIES = {"local_files_only": True, "trust_remote_code": False}

disable_progress_bar()  # one bar per file read from a local disk


@dataclass(frozen=True)
class Checkpoint:
    """A folder as `save_pretrained` writes it, and where it came from."""

    folder: Path
    model_id: str
    #: A commit of the hub, or the sha256 of a local folder's weights.
    revision: str

    def config(self) -> Any:  # noqa: ANN401  # a class per architecture
        """The model's configuration; BundleError if it is not a single-label classifier of `ARCHITECTURES`."""
        try:
            config = AutoConfig.from_pretrained(self.folder, **_AS_IT_LIES)
        except (OSError, ValueError) as error:
            raise BundleError(f"{self.model_id}: no checkpoint: {_first_line(error)}") from error
        if config.model_type not in ARCHITECTURES:
            raise BundleError(f"{self.model_id} is a {config.model_type} model, not {' or '.join(ARCHITECTURES)}")
        if config.num_labels < 2 or config.problem_type in ("regression", "multi_label_classification"):  # noqa: PLR2004
            raise BundleError(f"{self.model_id} does not choose one of several labels")
        return config

    def model(self) -> PreTrainedModel:
        """The model in float32, with the attention code that exports best."""
        self.config()
        try:
            model = AutoModelForSequenceClassification.from_pretrained(
                self.folder, attn_implementation="eager", dtype=torch.float32, **_AS_IT_LIES
            )
        except (OSError, ValueError) as error:
            raise BundleError(f"{self.model_id} cannot be loaded: {_first_line(error)}") from error
        return model.eval()

    def tokenizer(self) -> Tokenizer:
        """Its tokenizer, without the cutting and padding that many files have baked in."""
        if (self.folder / "tokenizer.json").exists():
            try:
                tokenizer = Tokenizer.from_file(str(self.folder / "tokenizer.json"))
            except Exception as error:  # the Rust library raises plain Exception
                raise BundleError(f"{self.model_id}: tokenizer.json cannot be loaded: {_first_line(error)}") from error
        else:
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.folder, **_AS_IT_LIES).backend_tokenizer
            except (OSError, ValueError, AttributeError) as error:
                raise BundleError(f"{self.model_id} has no tokenizer: {_first_line(error)}") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        words, rows = tokenizer.get_vocab_size(), self.config().vocab_size
        if words > rows:
            raise BundleError(f"{self.model_id}: the tokenizer knows {words} tokens, the model {rows}")
        return tokenizer

    def manifest(self) -> Manifest:
        """The manifest of a bundle made from it, as far as the checkpoint decides."""
        config = self.config()
        # RoBERTa counts positions from the padding id + 1.
        unused = config.pad_token_id + 1 if config.model_type == "roberta" else 0
        return Manifest(
            manifest_version=MANIFEST_VERSION,
            model_id=self.model_id,
            revision=self.revision,
            task="text-classification",
            labels=tuple(str(config.id2label[index]) for index in range(config.num_labels)),
            architecture=config.model_type,
            max_tokens=config.max_position_embeddings - unused,
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
                TorchEngine(self.folder, manifest.pad_token_id),
            )


def find_checkpoint(source: str, revision: str | None = None, *, name: str | None = None) -> Checkpoint:
    """The local folder `source`, or the hub's model of that id at `revision` (default: its newest), downloaded.

    `name` is the model id of a local folder, else the folder's own name.
    """
    folder = Path(source)
    if folder.is_dir():
        if revision is not None:
            raise BundleError(f"{source} is a local folder: it has no revision {revision}")
        return Checkpoint(folder, name or folder.resolve().name, local_revision(folder))
    try:
        return _download(source, revision)
    except HFValidationError as error:
        raise BundleError(f"{source} is neither a folder nor the id of a model on the hub") from error
    except RepositoryNotFoundError as error:
        raise BundleError(f"{source}: the hub has no such model, or none that these credentials may read") from error
    except RevisionNotFoundError as error:
        raise BundleError(f"{source}: the hub has no revision {revision} of it") from error
    except (HfHubHTTPError, OSError) as error:
        raise BundleError(f"{source} cannot be downloaded: {_first_line(error)}") from error


def local_revision(folder: Path) -> str:
    """What identifies a checkpoint outside the hub: the sha256 of its weights."""
    for name in ("model.safetensors", "pytorch_model.bin"):
        if (folder / name).exists():
            with (folder / name).open("rb") as weights:
                return f"sha256:{hashlib.file_digest(weights, 'sha256').hexdigest()}"
    raise BundleError(f"{folder} has neither model.safetensors nor pytorch_model.bin")


def _download(model_id: str, revision: str | None) -> Checkpoint:
    found = HfApi().model_info(model_id, revision=revision)
    files = {sibling.rfilename for sibling in found.siblings or ()}
    # The pickled form only where there is no other; torch then reads it with `weights_only`.
    weights = "model.safetensors" if "model.safetensors" in files else "pytorch_model.bin"
    folder = snapshot_download(model_id, revision=found.sha, allow_patterns=[weights, *_OTHER_FILES])
    return Checkpoint(Path(folder), model_id, str(found.sha))


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
