"""What a file is, by its first bytes whatever its name says, and the bytes or rows inside it."""

import bz2
import gzip
import io
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from lightsleeper.errors import InvalidInput

_MAGIC_BYTES: Final = 16
_STREAMS: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
#: What no reader here reads, and what to do about it.
_REFUSED: Final = (
    (b"%PDF", "a PDF; copy its table into a spreadsheet and save that as csv"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file; save it as xlsx or csv"),
    (b"SQLite format 3\0", "an SQLite database; export the table as csv"),
    (b"ARROW1", "an Arrow file; write it as parquet or csv"),
    (b"FEA1", "a Feather file; write it as parquet or csv"),
    (b"ORC", "an ORC file; write it as parquet or csv"),
    (b"Obj\x01", "an Avro file; write it as parquet or csv"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a recording or a picture"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "a formatted text (RTF); save it as plain text"),
)
_PAGES: Final = (b"<!doctype html", b"<html")


@dataclass(frozen=True, slots=True)
class Content:
    """What is inside a file, past compression."""

    #: bytes, xlsx or parquet.
    kind: str
    stream: IO[bytes]
    #: The file's own name, or that of the one inside the archive.
    name: str


@contextmanager
def opened(source: Path | IO[bytes], name: str) -> Iterator[Content]:
    """The content of a file, or of a stream that cannot be rewound; InvalidInput in one line if nothing reads it."""
    try:
        with source.open("rb") if isinstance(source, Path) else _peekable(source) as stream:
            magic = stream.peek(_MAGIC_BYTES)[:_MAGIC_BYTES]
            with _inside(stream, magic, name, seekable=isinstance(source, Path)) as content:
                yield content
    except OSError as error:
        if error.errno is None:  # a broken archive says so without a number
            raise InvalidInput(f"{name}: {error}") from error
        raise InvalidInput(f"{name}: {error.strerror}") from error
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise InvalidInput(f"{name} is damaged: {error}") from error


@contextmanager
def _peekable(source: IO[bytes]) -> Iterator[io.BufferedReader]:
    """Standard input has `peek`; a stream in memory is given it. Neither is closed: whoever opened it does."""
    yield source if isinstance(source, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", source))


@contextmanager
def _inside(stream: io.BufferedReader, magic: bytes, name: str, *, seekable: bool) -> Iterator[Content]:
    for start, what in _REFUSED:
        if magic.startswith(start):
            raise InvalidInput(f"{name} is {what}")
    if magic.lstrip().lower().startswith(_PAGES):
        raise InvalidInput(f"{name} is a web page; save the table in it as csv")
    for start, unpack in _STREAMS:
        if magic.startswith(start):
            with unpack(stream) as inner:
                yield Content("bytes", inner, _without_ending(name))  # type: ignore[arg-type]  # typeshed knows three classes
            return
    if magic.startswith((b"PK\x03\x04", b"PAR1")):
        inside = _archive if magic.startswith(b"PK") else _parquet
        with stream if seekable else _spooled(stream) as whole, inside(whole, name) as content:
            yield content
        return
    yield Content("bytes", stream, name)


@contextmanager
def _parquet(stream: IO[bytes], name: str) -> Iterator[Content]:
    yield Content("parquet", stream, name)


@contextmanager
def _spooled(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """An archive's table of contents stands at its end: what comes from a pipe is kept on disk meanwhile."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy


@contextmanager
def _archive(stream: IO[bytes], name: str) -> Iterator[Content]:
    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if _is_content(member)]
        names = {member.filename for member in members}
        if "xl/workbook.xml" in names:
            stream.seek(0)
            yield Content("xlsx", stream, name)
            return
        if names & {"content.xml", "word/document.xml", "ppt/presentation.xml", "xl/workbook.bin"}:
            raise InvalidInput(f"{name} is an office document that is not xlsx; save the table in it as xlsx or csv")
        if len(members) != 1:
            listed = ", ".join(sorted(names)[:5]) or "nothing"
            raise InvalidInput(f"{name} holds {len(members)} files ({listed}); unpack it and name the one to read")
        if members[0].flag_bits & 1:
            raise InvalidInput(f"{name} is encrypted; unpack it first")
        inner_name = PurePosixPath(members[0].filename).name
        with archive.open(members[0]) as inner, opened(inner, inner_name) as content:
            yield content


def _is_content(member: zipfile.ZipInfo) -> bool:
    """Neither a folder nor what macOS adds."""
    path = PurePosixPath(member.filename)
    return not (member.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith("."))


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in {".gz", ".gzip", ".bz2", ".xz"} else name
