"""An event that names a file, as Knative's JobSink hands it to the Job that it starts: `/etc/jobsink-event/event`.

A CloudEvent in JSON whose data is `{"file": "reviews.csv", "out": "labelled/reviews.csv"}`, or whose subject names the
file, as those of blob stores do; without `out` the answer lies beside the file. Whoever may send an event may name any
file, so names are relative to one folder and never leave it.
https://knative.dev/docs/eventing/sinks/job-sink/
"""

import json
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from lightsleeper.bulk.records.containers import PACKED_ENDINGS
from lightsleeper.bulk.records.writing import WRITTEN_ENDINGS
from lightsleeper.errors import InvalidInput

#: A Kubernetes Secret, in which the event travels, holds no more.
_MAX_EVENT_BYTES = 1 << 20

#: Azure's subjects are `/blobServices/default/containers/NAME/blobs/PATH`; others' are the path alone.
_BEFORE_PATH = "/blobs/"

_LABELLED = ".labelled"


class Order(NamedTuple):
    """What an event asks for."""

    source: Path
    out: Path


def read_order(event: Path, folder: Path) -> Order | None:
    """The file that `event` names, and where its labels go, both inside `folder`.

    None for a file that is such an answer itself: a store tells of every file that is written, ours included. Raises
    InvalidInput, with the part of the event that cannot be used.
    """
    content = _read(event)
    data = _data(content)
    name, field = (data["file"], "data.file") if "file" in data else (_subject(content), "subject")
    source = _inside(folder, name, field)
    inside = _unpacked(source)
    if _LABELLED in {inside.suffix, Path(inside.stem).suffix}:
        return None
    if "out" in data:
        return Order(source, _inside(folder, data["out"], "data.out"))
    ending = inside.suffix if inside.suffix.lower() in WRITTEN_ENDINGS else ".csv"
    return Order(source, inside.with_name(inside.stem + _LABELLED + ending))


def make_place(out: Path) -> None:
    """The folder of `out`, with those above it; InvalidInput if there can be none."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(f"{out}: a file stands where a folder should be", field="data.out") from error
    except OSError as error:
        raise InvalidInput(f"{out.parent}: {error.strerror}", field="data.out") from error


def _unpacked(path: Path) -> Path:
    """A packed file's path without what says so."""
    while path.suffix.lower() in PACKED_ENDINGS | {".zip"}:
        path = path.with_suffix("")
    return path


def _read(event: Path) -> dict[str, Any]:
    try:
        with event.open("rb") as file:
            raw = file.read(_MAX_EVENT_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{event}: {error.strerror}") from error
    if len(raw) > _MAX_EVENT_BYTES:
        raise InvalidInput(f"{event} is larger than an event may be", limit=_MAX_EVENT_BYTES)
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{event} is not JSON") from error
    if not isinstance(content, dict) or not isinstance(content.get("specversion"), str):
        raise InvalidInput(f"{event} is not a CloudEvent in JSON: it has no specversion", field="specversion")
    return content


def _data(content: dict[str, Any]) -> dict[str, Any]:
    """The event's data, wherever it is; empty if it is no object."""
    data = content.get("data")
    try:
        if isinstance(encoded := content.get("data_base64"), str):
            data = b64decode(encoded, validate=True).decode()
        if isinstance(data, str):
            data = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _subject(content: dict[str, Any]) -> object:
    subject = content.get("subject")
    return subject.rpartition(_BEFORE_PATH)[2] if isinstance(subject, str) else None


def _inside(folder: Path, name: object, field: str) -> Path:
    if not isinstance(name, str) or not name or "\0" in name:
        raise InvalidInput(f"the event names no file: {field} is not a path", field=field)
    try:
        path = (folder / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # links in a circle, half a character
        raise InvalidInput(f"the event names no file: {field} is not a path", field=field) from error
    if any(map(_is_link, (path, *path.parents))):  # the circle, as Python 3.13 and later leave it
        raise InvalidInput(f"the event names no file: {field} is not a path", field=field)
    if not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise InvalidInput(f"the event's {field} lies outside the folder that events may name files of", field=field)
    return path


def _is_link(path: Path) -> bool:
    with suppress(OSError):  # its name is too long
        return path.is_symlink()
    return False
