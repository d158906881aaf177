"""The files of a checkpoint: which there have to be, whether they hold what they say; what is wrong, in one line."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from lightsleeper.errors import BundleError, LightsleeperError
from lightsleeper.model.manifest_fields import is_line

#: Nothing is fetched, and no code of the checkpoint is run: left to itself the library asks on the terminal whether to.
AS_IT_LIES = {"local_files_only": True, "trust_remote_code": False}

#: In the order in which they are preferred; an index names the files of a checkpoint in parts.
SAFETENSORS, PICKLED = "model.safetensors", "pytorch_model.bin"
_INDEX = ".index.json"
WEIGHTS = (SAFETENSORS, SAFETENSORS + _INDEX, PICKLED, PICKLED + _INDEX)
#: Of other libraries, or one folder off (a trainer's checkpoints, the hub's cache): named where nothing else is found.
_FOREIGN = (
    "*.h5",
    "*.msgpack",
    "*.onnx",
    "onnx/*.onnx",
    "*.ot",
    "*.gguf",
    "*.safetensors",
    "*.bin",
    "*.pt",
    "*.pth",
    "*.ckpt",
    *(f"{folder}/{name}" for folder in ("*", "snapshots/*") for name in (SAFETENSORS, PICKLED)),
)
_ADAPTER = "adapter_config.json"

_POINTER = b"version https://git-lfs"
_SHOWN_CHARS = 300
#: Of a terminal.
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def weight_files(folder: Path) -> list[Path]:
    """The files with the weights of the checkpoint in `folder`; BundleError if one is missing or not what it says."""
    first = next((name for name in WEIGHTS if (folder / name).exists() or (folder / name).is_symlink()), None)
    if first is None:
        raise BundleError(_without_weights(folder))
    if (folder / _ADAPTER).exists():
        raise BundleError(
            f"{_ADAPTER} lies beside {first}: merge the adapter (peft's merge_and_unload), or take it away"
        )
    names = _parts(folder, first) if first.endswith(_INDEX) else [first]
    require_contents(folder, names, all_of_them=True)
    return [folder / name for name in names]


def digest(files: Iterable[Path]) -> str:
    """What identifies weights outside the hub: the sha256 of the one file, or of all in order."""
    total = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            for block in iter(lambda: content.read(1 << 20), b""):
                total.update(block)
    return f"sha256:{total.hexdigest()}"


def require_contents(folder: Path, names: Iterable[str], *, all_of_them: bool = False) -> None:
    """BundleError for a file that is empty or stands for its content in git; and, if so asked, for one not there."""
    for name in names:
        path = folder / name
        if not path.is_file():
            if all_of_them or path.exists() or path.is_symlink():
                raise BundleError(f"{name} is missing in {folder}")
            continue
        with reported(f"{name} cannot be read"), path.open("rb") as file:
            start = file.read(len(_POINTER))
        if start == _POINTER:
            raise BundleError(f"{name} is a Git-LFS pointer, not the file itself: run git lfs pull")
        if not start:
            raise BundleError(f"{name} is empty")


def read_json(path: Path, *, finite: bool = True) -> dict[str, Any]:
    """The object in a file; BundleError naming it if there is none, or if numbers have to be `finite` and are not."""
    require_contents(path.parent, [path.name], all_of_them=True)
    with reported(f"{path.name} is not JSON"):
        content = json.loads(path.read_bytes(), parse_constant=_refuse_constant if finite else None)
    if not isinstance(content, dict):
        raise BundleError(f"{path.name} holds {type(content).__name__}, expected an object")
    return content


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Whatever a library raises inside becomes a BundleError of one line that begins with `what`."""
    try:
        yield
    except LightsleeperError:
        raise
    except Exception as error:  # each of the libraries that read checkpoints has classes of its own, or none
        raise BundleError(f"{what}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """The first line of what it says, with the second where the first only announces it; else its class."""
    lines = [line.strip() for line in str(error).strip().splitlines()]
    said = " ".join(lines[:2]) if lines and lines[0].endswith(":") else "".join(lines[:1])
    said = _COLOUR.sub("", said)
    return said[:_SHOWN_CHARS] if " " in said else f"{type(error).__name__} {said}"[:_SHOWN_CHARS].strip()


def listed(values: Sequence[object], most: int = 5) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(str(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _parts(folder: Path, index: str) -> list[str]:
    """The files that an index names, each inside of the folder."""
    content = read_json(folder / index)
    named = content.get("weight_map")
    if not isinstance(named, dict) or not named:
        raise BundleError(f"{index} has no weight_map, which names the files of the weights")
    names = sorted({str(name) for name in named.values()})
    for name in names:
        if PurePosixPath(name).name != name or name == ".." or not is_line(name):
            raise BundleError(f"{index} names {name!r}, which is no file beside it")
    if not isinstance(content.get("metadata"), dict):
        raise BundleError(f"{index} has no metadata; expected an object, as transformers writes it")
    return names


def _without_weights(folder: Path) -> str:
    if (folder / _ADAPTER).exists():
        base = read_json(folder / _ADAPTER).get("base_model_name_or_path")
        return (
            f"{_ADAPTER}: a LoRA adapter of {base}, not a model: merge it (peft's merge_and_unload), save, and try that"
        )
    other = sorted(str(path.relative_to(folder)) for pattern in _FOREIGN for path in folder.glob(pattern))
    found = f"; found {listed(other)}" if other else ""
    return f"{folder} has neither {SAFETENSORS} nor {PICKLED}{found}"
