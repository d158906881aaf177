"""What a model is on disk: a folder whose manifest names, sizes and digests every file.

    bundle.json           this module's `Manifest`
    model.onnx            the graph
    model.onnx.data       its weights, outside the graph so that they are mapped, not copied
    tokenizer.json
    checkpoint/           optional: config.json and model.safetensors, what the torch engine runs

The sha256 of the manifest is the bundle's identity everywhere: in cache keys, in metrics, in the page's footer.
"""

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from lightsleeper.errors import BundleError

MANIFEST = "bundle.json"
MANIFEST_VERSION = 1
MODEL = "model.onnx"
WEIGHTS = "model.onnx.data"
TOKENIZER = "tokenizer.json"
CHECKPOINT = "checkpoint"

EMBEDDED = Path(__file__).parents[1] / "embedded"


@dataclass(frozen=True)
class Manifest:
    """The contents of `bundle.json`."""

    manifest_version: int
    model_id: str
    revision: str
    task: str
    #: Label names in the order of the model's outputs.
    labels: tuple[str, ...]
    architecture: str
    #: Longest input in tokens, special tokens included.
    max_tokens: int
    pad_token_id: int
    quantization: dict[str, Any]
    #: File name → {"sha256": hex, "bytes": n}.
    files: dict[str, dict[str, Any]]
    #: Data set name → {"rows", "accuracy", …}, measured on this very bundle.
    accuracy: dict[str, dict[str, Any]]
    made_by: dict[str, Any]


@dataclass(frozen=True)
class Bundle:
    """A verified bundle."""

    folder: Path
    manifest: Manifest
    #: sha256 of the manifest, which holds the sha256 of everything else.
    digest: str

    @property
    def model(self) -> Path:
        """The ONNX graph; its weights file lies beside it."""
        return self.folder / MODEL

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of the `tokenizers` library."""
        return self.folder / TOKENIZER

    @property
    def checkpoint(self) -> Path:
        """The torch checkpoint; BundleError where the bundle was prepared without one."""
        folder = self.folder / CHECKPOINT
        if not folder.is_dir():
            raise BundleError(
                f"bundle {self.folder} has no {CHECKPOINT}/, which the torch engine runs: "
                "prepare it with --keep-checkpoint"
            )
        return folder


def open_bundle(folder: Path) -> Bundle:
    """The bundle in `folder`, after every file's size and digest have been compared with the manifest.

    Raises BundleError, whose one line says which file is not as it should be. Hashing 23 MB takes about 15 ms
    and reads the weights into the page cache, where the engine maps them from.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
    except OSError as error:
        raise BundleError(f"bundle {folder}: cannot read {MANIFEST}: {error.strerror}") from error
    manifest = parse_manifest(raw, folder)
    for name in (MODEL, TOKENIZER):
        if name not in manifest.files:
            raise BundleError(f"bundle {folder}: {MANIFEST} does not list {name}")
    for name, expected in manifest.files.items():
        _verify(folder, name, expected)
    return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest())


def parse_manifest(raw: bytes, folder: Path) -> Manifest:
    """The manifest in `raw`; BundleError if it is not one that this version reads."""
    try:
        content = json.loads(raw)
    except ValueError as error:
        raise BundleError(f"bundle {folder}: {MANIFEST} is not JSON: {error}") from error
    version = content.get("manifest_version") if isinstance(content, dict) else None
    if version != MANIFEST_VERSION:
        raise BundleError(f"bundle {folder}: manifest_version is {version!r}; this version reads {MANIFEST_VERSION}")
    names = {field.name for field in fields(Manifest)}
    if content.keys() != names:
        difference = sorted(names.symmetric_difference(content))
        raise BundleError(f"bundle {folder}: {MANIFEST} misses or has too many of the fields {difference}")
    return Manifest(**{**content, "labels": tuple(content["labels"])})


def _verify(folder: Path, name: str, expected: dict[str, Any]) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"bundle {folder}: file {name!r} lies outside the bundle")
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"bundle {folder}: cannot read {name}: {error.strerror}") from error
    if found != expected["sha256"]:
        raise BundleError(f"bundle {folder}: {name} has sha256 {found}, the manifest says {expected['sha256']}")
