"""Where rows are written to: a file appears complete and at the very end, or stays as it was."""

import io
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from lightsleeper.errors import InvalidInput


@contextmanager
def output(path: Path | None, *, source: os.stat_result | None) -> Iterator[TextIO]:
    """A stream into `path`, or into standard output for None, that is not the file `source` is about.

    A file is written beside its place and renamed when all went well: an error, an interrupt or a full disk leaves
    what was there. Raises InvalidInput in one line where nothing can be written.
    """
    try:
        there = None if path is None else _stat_at(path)
        if path is None or _is_standard_output(there):
            _refuse_same(source, stat_of(sys.stdout), "standard output")
            with _standard_output() as stream:
                yield stream
            return
        target = path.resolve()
        if there is not None:
            _refuse_same(source, there, str(path))
        if there is None or stat.S_ISREG(there.st_mode):
            with _replacing(target, there) as stream:
                yield stream
        else:  # a pipe, a terminal, /dev/null
            with path.open("w", encoding="utf-8", newline="") as stream:
                yield stream
    except BrokenPipeError:
        raise
    except OSError as error:
        raise InvalidInput(f"{path or 'standard output'}: {error.strerror or error}") from error


def _stat_at(path: Path) -> os.stat_result | None:
    with suppress(FileNotFoundError):
        return path.stat()
    return None


def _is_standard_output(there: os.stat_result | None) -> bool:
    """`/dev/stdout` may be a file that others write to as well, which no other may replace."""
    ours = stat_of(sys.stdout)
    return bool(there and ours and os.path.samestat(there, ours))


def stat_of(stream: TextIO | None) -> os.stat_result | None:
    """What stands behind a stream; None if that is no file of the system's, or was closed before the start."""
    with suppress(OSError, ValueError, AttributeError):
        return os.fstat(stream.fileno())  # type: ignore[union-attr]  # suppressed
    return None


def _refuse_same(source: os.stat_result | None, there: os.stat_result | None, name: str) -> None:
    """Links of both kinds included."""
    if source and there and stat.S_ISREG(there.st_mode) and os.path.samestat(source, there):
        raise InvalidInput(f"{name} is the file that is read: it would be lost; name another one with --out")


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """UTF-8 whatever the terminal says."""
    if sys.stdout is None:
        raise InvalidInput("standard output is closed; name a file with --out")
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield stream
        stream.flush()
    finally:
        try:
            stream.detach()
        except OSError:  # what could not be written stays in it: Python 3.13 would try again at the end, and complain
            with suppress(OSError):
                stream.close()


@contextmanager
def _replacing(target: Path, there: os.stat_result | None) -> Iterator[TextIO]:
    if not target.parent.is_dir():
        raise InvalidInput(f"{target}: there is no folder {target.parent}")
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            yield stream
            stream.flush()
            os.fsync(descriptor)
        part.chmod(stat.S_IMODE(there.st_mode) if there else 0o666 & ~_umask())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
