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
import os
import reprlib
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from lightsleeper.errors import BundleError, shortened
from lightsleeper.model.head import REGRESSION, SCORE
from lightsleeper.model.manifest_fields import KINDS

MANIFEST = "bundle.json"
MANIFEST_VERSION = 1
MODEL = "model.onnx"
WEIGHTS = "model.onnx.data"
TOKENIZER = "tokenizer.json"
CHECKPOINT = "checkpoint"

#: The embedded one has 4 kB.
_MAX_MANIFEST_BYTES = 1 << 20

#: What `quantization.sums` says of a graph that is exact on every CPU; see `OnnxEngine`.
FITS_16_BITS = "two products fit 16 bits"

#: What `quantization.graph` says of one that has been through ONNX Runtime's optimizer.
OPTIMIZED = "optimized"

#: What a bundle made before these fields says of them.
_SILENT: dict[str, Any] = {"behaviours": {}, "languages": [], "score_range": []}

EMBEDDED = Path(__file__).parents[1] / "embedded"


@dataclass(frozen=True)
class Manifest:
    """The contents of `bundle.json`."""

    manifest_version: int
    model_id: str
    revision: str
    #: What the outputs mean; see `head`.
    task: str
    #: Label names in the order of the model's outputs; of one output its maker's name for it.
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
    #: What `evaluate --behaviours --record` found, by capability; empty where it was not asked.
    behaviours: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: Languages the model was made for, as BCP 47 tags; empty where nobody said.
    languages: tuple[str, ...] = ()
    #: Least and largest score of a regression, as seen while the bundle was made; empty for all others.
    score_range: tuple[float, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A bundle that `open_bundle` compared with its manifest."""

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


def open_bundle(folder: Path, *, digests: bool = True) -> Bundle:
    """The bundle in `folder`, after every file's size and digest have been compared with the manifest.

    Raises BundleError, whose one line says which file is not as it should be; a file beside those of the manifest is
    one, because the graph could name it as the place of its weights. Hashing 23 MB takes about 20 ms, a twelfth of a
    wake: without `digests`, sizes alone are compared.
    """
    try:
        with _regular(folder, MANIFEST).open("rb") as file:
            raw = file.read(_MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise BundleError(f"bundle {folder}: cannot read {MANIFEST}: {error.strerror}") from error
    manifest = parse_manifest(raw, folder)
    for name in (MODEL, TOKENIZER):
        if name not in manifest.files:
            raise BundleError(f"bundle {folder}: {MANIFEST} does not list {name}")
    for name, expected in manifest.files.items():
        _verify(folder, name, expected, digests=digests)
    _refuse_unlisted(folder, manifest)
    return Bundle(folder, manifest, hashlib.sha256(raw).hexdigest())


def parse_manifest(raw: bytes, folder: Path) -> Manifest:
    """The manifest in `raw`; BundleError if it is not one that this version reads."""
    if len(raw) > _MAX_MANIFEST_BYTES:
        raise BundleError(f"bundle {folder}: {MANIFEST} has more than {_MAX_MANIFEST_BYTES} bytes")
    try:
        content = json.loads(raw, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"bundle {folder}: {MANIFEST} is not JSON: {error}") from error
    version = content.get("manifest_version") if isinstance(content, dict) else None
    if type(version) is not int or version != MANIFEST_VERSION:
        found = shortened(repr(version))
        raise BundleError(f"bundle {folder}: manifest_version is {found}; this version reads {MANIFEST_VERSION}")
    content = {**_SILENT, **content}
    names = {each.name for each in fields(Manifest)}
    if content.keys() != names:
        difference = shortened(repr(sorted(names.symmetric_difference(content))))
        raise BundleError(f"bundle {folder}: {MANIFEST} misses or has too many of the fields {difference}")
    for name, (fits, kind) in KINDS.items():
        if not fits(content[name]):
            found = shortened(reprlib.repr(content[name]))
            raise BundleError(f"bundle {folder}: {MANIFEST}: {name} is {found}, not {kind}")
    _require_head(content, folder)
    return Manifest(**{**content, **{name: tuple(content[name]) for name in ("labels", "languages", "score_range")}})


def _require_head(content: dict[str, Any], folder: Path) -> None:
    """BundleError unless there are as many labels as the task has outputs, and a range only where one is needed."""
    one = content["task"] in (SCORE, REGRESSION)
    if one != (len(content["labels"]) == 1):
        expected = "one name" if one else "two or more"
        raise BundleError(f"bundle {folder}: {MANIFEST}: labels of a {content['task']} model are {expected}")
    if content["score_range"] and content["task"] != REGRESSION:
        raise BundleError(f"bundle {folder}: {MANIFEST}: score_range is that of a {REGRESSION} model alone")


def graph_facts(manifest: Manifest) -> dict[str, str]:
    """What a graph says of itself, so that a manifest edited by hand cannot ask for more; `require_made_for` reads it.

    The shape of its output tells how many labels it has; nothing else tells what it answers to a text of 513 tokens.
    """
    return {"max_tokens": f"{manifest.max_tokens}", "task": manifest.task, "pad_token_id": f"{manifest.pad_token_id}"}


def require_made_for(bundle: Bundle, made_for: Mapping[str, str]) -> None:
    """BundleError where the manifest says other than the graph or checkpoint, which may know of more tokens."""
    for name, said in graph_facts(bundle.manifest).items():
        expected = made_for.get(name, said)
        fewer = name == "max_tokens" and expected.isdecimal() and int(said) <= int(expected)
        if said != expected and not fewer:
            found = f"bundle {bundle.folder}: {MANIFEST}: {name} is {said}"
            raise BundleError(f"{found}; the model was made for {shortened(expected)!r}")


def record_behaviours(folder: Path, found: dict[str, dict[str, Any]]) -> Bundle:
    """The bundle in `folder` with `found` in its manifest, and so with another digest; BundleError as `open_bundle`."""
    write_manifest(replace(open_bundle(folder).manifest, behaviours=found), folder)
    return open_bundle(folder)


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write `bundle.json`, for people to read: indented, in Unicode."""
    text = json.dumps(asdict(manifest), indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _regular(folder: Path, name: str) -> Path:
    """The file of that name; BundleError unless it is a plain one in the folder: a pipe would never end."""
    path = folder / name
    try:
        mode = path.stat().st_mode
        inside = path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise BundleError(f"bundle {folder}: cannot read {name}: {reason}") from error
    if not inside:
        raise BundleError(f"bundle {folder}: file {name!r} lies outside the bundle")
    if not stat.S_ISREG(mode):
        raise BundleError(f"bundle {folder}: {name} is not a plain file")
    return path


def _verify(folder: Path, name: str, expected: dict[str, Any], *, digests: bool) -> None:
    if PurePosixPath(name).as_posix() != name or ".." in PurePosixPath(name).parts:
        raise BundleError(f"bundle {folder}: file {name!r} lies outside the bundle, or is not named plainly")
    path = _regular(folder, name)
    try:
        found_bytes = path.stat().st_size
        if found_bytes != expected["bytes"]:
            raise BundleError(f"bundle {folder}: {name} has {found_bytes} bytes, the manifest says {expected['bytes']}")
        if not digests:
            return
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BundleError(f"bundle {folder}: cannot read {name}: {error.strerror}") from error
    if found != expected["sha256"]:
        raise BundleError(f"bundle {folder}: {name} has sha256 {found}, the manifest says {expected['sha256']}")


def _refuse_unlisted(folder: Path, manifest: Manifest) -> None:
    """BundleError for anything below `folder` that is not a file of the manifest, whatever name leads to it."""
    listed = {(folder / name).resolve() for name in [MANIFEST, *manifest.files]}
    for root, folders, files in os.walk(folder):
        links = [name for name in folders if Path(root, name).is_symlink()]
        for path in (Path(root, name) for name in [*files, *links]):
            real = path.resolve()
            if real not in listed and not (real.is_dir() and real.is_relative_to(folder.resolve())):
                name = path.relative_to(folder).as_posix()
                raise BundleError(f"bundle {folder}: {name!r} is not in {MANIFEST}: remove it")
