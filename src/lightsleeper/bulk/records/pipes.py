"""What can be read only once, for who reads it several times: pipes by name, process substitution, a terminal."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from lightsleeper.errors import InvalidInput


@contextmanager
def rereadable() -> Iterator[Callable[[Path], Path]]:
    """What gives a path that can be read again for any: the same, or of a pipe a copy, on disk as long as the block.

    A copy keeps the pipe's name and its folder's, by which messages and manifests call a file.
    """
    with TemporaryDirectory(prefix="lightsleeper.") as folder:
        kept: dict[Path, Path] = {}

        def again(path: Path) -> Path:
            if path not in kept:
                kept[path] = _again(path, Path(folder, str(len(kept))))
            return kept[path]

        yield again


def _again(path: Path, folder: Path) -> Path:
    if not path.exists() or path.is_dir():  # whoever reads it says so
        return path
    copy = folder / path.absolute().parent.name / path.name
    try:
        with path.open("rb") as source:  # opened once: a second one would get what this one leaves
            if source.seekable():
                return path
            copy.parent.mkdir(parents=True)
            with copy.open("wb") as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}") from error
    return copy
