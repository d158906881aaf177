"""What a file is, by its first bytes whatever its name says, and the bytes or rows inside it."""

import bz2
import gzip
import io
import lzma
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from lightsleeper.errors import InvalidInput

_MAGIC_BYTES: Final = 64
#: Files within files.
_MOST_LAYERS: Final = 4
#: What names end in that are packed; a zip has a name of its own for what is inside.
PACKED_ENDINGS: Final = frozenset({".gz", ".gzip", ".bz2", ".xz"})
_STREAMS: Final = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\0", lzma.open))
#: What no reader here reads, and what to do about it. A text may begin with the letters of some: those count only where
#: bytes follow that no text has.
_REFUSED: Final = (
    *((bytes([0x80, protocol]), "a pickle of Python's; write it as csv") for protocol in range(2, 6)),
    (b"%PDF", "a PDF; copy its table into a spreadsheet and save that as csv"),
    (b"SQLite format 3\0", "an SQLite database; export the table as csv"),
    (b"ARROW1", "an Arrow file; write it as parquet or csv"),
    (b"FEA1", "a Feather file; write it as parquet or csv"),
    (b"\xff\xff\xff\xff", "an Arrow stream; write it as parquet or csv"),
    (b"ORC", "an ORC file; write it as parquet or csv"),
    (b"\x89HDF", "an HDF5 file; write it as csv"),
    (b"\x93NUMPY", "a NumPy array; write it as csv"),
    (b"RDX2\n", "a file of R's; write it as csv"),
    (b"RDX3\n", "a file of R's; write it as csv"),
    (b"X\n\0\0", "a file of R's; write it as csv"),
    (b"$FL2", "a file of SPSS's; write it as csv"),
    (b"$FL3", "a file of SPSS's; write it as csv"),
    (b"<stata_dta>", "a file of Stata's; write it as csv"),
    (b"Obj\x01", "an Avro file; write it as parquet or csv"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first"),
    (b"\x04\x22\x4d\x18", "compressed with lz4; unpack it first"),
    (b"\xff\x06\0\0sNaPpY", "compressed with snappy; unpack it first"),
    (b"\x5d\0\0", "compressed with lzma; unpack it first"),
    (b"\x1f\x9d", "compressed with compress; unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"II*\0", "a picture"),
    (b"MM\0*", "a picture"),
    (b"RIFF", "a recording or a picture"),
    (b"OggS", "a recording"),
    (b"fLaC", "a recording"),
    (b"ID3\x03", "a recording"),
    (b"ID3\x04", "a recording"),
    (b"\x1a\x45\xdf\xa3", "a recording"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"{\\rtf", "a formatted text (RTF); save it as plain text"),
)
#: The container of Excel's and Word's old files, and of new ones with a password.
_OLE: Final = b"\xd0\xcf\x11\xe0"
_OLD_OFFICE: Final = "an old Excel or Word file; save it as xlsx or csv"
_PROTECTED: Final = "protected by a password; save it without one"
_SEARCHED_BYTES: Final = 1 << 20
#: And what stands further in, behind zero bytes.
_REFUSED_WITHIN: Final = (
    (4, b"ftyp", "a recording or a picture"),
    (257, b"ustar", "a tar archive; unpack it and name the file to read"),
)
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]")
#: Of them, those that no letter of any language is written with: `ORCID` may stand above `José`.
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_PLAIN_TEXT_MAGICS: Final = (b"%PDF", b"{\\rtf", b"<stata_dta>")


@dataclass(frozen=True, slots=True)
class Content:
    """What is inside a file, past compression."""

    #: bytes, xlsx or parquet.
    kind: str
    stream: IO[bytes]
    #: The file's own name, or that of the one inside the archive.
    name: str
    #: The file that it was unpacked from, whose bytes are damaged if its own are.
    packed_as: str

    def read(self, size: int) -> bytes:
        """At most so many bytes; InvalidInput in one line if they are damaged."""
        with _said_of(self.packed_as):
            return self.stream.read(size)


@contextmanager
def opened(source: Path | IO[bytes], name: str, layer: int = 1, *, packed_as: str | None = None) -> Iterator[Content]:
    """The content of a file, or of a stream that cannot be rewound; InvalidInput in one line if nothing reads it.

    `packed_as`: the file it is unpacked from, if it is.
    """
    if layer > _MOST_LAYERS:
        raise InvalidInput(f"{name} is packed too many times; unpack it first")
    with ExitStack() as stack:
        # Not around what the caller does: its own failures are none of the file's.
        with _said_of(packed_as or name):
            stream = stack.enter_context(source.open("rb") if isinstance(source, Path) else _peekable(source))
            magic = stream.peek(_MAGIC_BYTES)[:_MAGIC_BYTES]
            seekable = isinstance(source, Path) and stream.seekable()  # a pipe may have a name
            content = stack.enter_context(_inside(stream, magic, name, seekable=seekable, layer=layer))
        yield replace(content, packed_as=packed_as) if packed_as else content


@contextmanager
def _said_of(name: str) -> Iterator[None]:
    """What goes wrong with bytes, in one line with the name of their file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:  # a broken archive says so without a number
            raise InvalidInput(f"{name}: {error}") from error
        raise InvalidInput(f"{name}: {error.strerror}") from error
    except (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile) as error:
        why = "its checksum is wrong" if "CRC" in str(error) else error
        why = "its table of contents is cut" if "central directory" in str(error) else why
        raise InvalidInput(f"{name} is damaged: {why}") from error


@contextmanager
def _peekable(source: IO[bytes]) -> Iterator[io.BufferedReader]:
    """Standard input has `peek`; a stream in memory is given it. Neither is closed: whoever opened it does."""
    yield (
        cast("io.BufferedReader", source)
        if hasattr(source, "peek")
        else io.BufferedReader(cast("io.RawIOBase", source))
    )


@contextmanager
def _inside(stream: io.BufferedReader, magic: bytes, name: str, *, seekable: bool, layer: int) -> Iterator[Content]:
    _refuse(magic, name)
    if magic.startswith(_OLE):
        what = _PROTECTED if _holds(stream, "EncryptedPackage".encode("utf-16-le")) else _OLD_OFFICE
        raise InvalidInput(f"{name} is {what}")
    unpack = next((unpack for start, unpack in _STREAMS if magic.startswith(start) and _NOT_TEXT.search(magic)), None)
    if unpack:
        packed = cast("IO[bytes]", unpack(stream))  # typeshed knows three classes
        with packed, opened(packed, _without_ending(name), layer + 1, packed_as=name) as content:
            yield content
    elif magic.startswith(b"PK\x03\x04"):
        with stream if seekable else _spooled(stream) as whole, _archive(whole, name, layer) as content:
            yield content
    elif magic.startswith(b"PAR1") and _CONTROL.search(magic):
        with stream if seekable else _spooled(stream) as whole:
            yield Content("parquet", whole, name, name)
    else:
        yield Content("bytes", stream, name, name)


def _holds(stream: IO[bytes], sign: bytes) -> bool:
    rest = b""
    for piece in iter(lambda: stream.read(_SEARCHED_BYTES), b""):
        if sign in rest + piece:
            return True
        rest = piece[-len(sign) :]
    return False


def _refuse(magic: bytes, name: str) -> None:
    for start, what in _REFUSED:
        is_sure = start in _PLAIN_TEXT_MAGICS or _NOT_TEXT.search(start) or _CONTROL.search(magic)
        if magic.startswith(start) and is_sure:
            raise InvalidInput(f"{name} is {what}")


def refuse_within(window: bytes, name: str) -> None:
    """InvalidInput for what a file's beginning says it is, but not its first bytes."""
    for at, sign, what in _REFUSED_WITHIN:
        if window.startswith(sign, at) and 0 in window[:at]:
            raise InvalidInput(f"{name} is {what}")


@contextmanager
def _spooled(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """An archive's table of contents stands at its end: what comes from a pipe is kept on disk meanwhile."""
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        yield copy


@contextmanager
def _archive(stream: IO[bytes], name: str, layer: int) -> Iterator[Content]:
    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if _is_content(member)]
        names = {member.filename for member in members}
        if "xl/workbook.xml" in names:
            stream.seek(0)
            yield Content("xlsx", stream, name, name)
            return
        if names & {"content.xml", "word/document.xml", "ppt/presentation.xml", "xl/workbook.bin"}:
            raise InvalidInput(f"{name} is an office document that is not xlsx; save the table in it as xlsx or csv")
        if any(member.endswith(".iwa") or member == "Index.zip" for member in names):
            raise InvalidInput(f"{name} is an Apple Numbers document; export it as xlsx or csv")
        if len(members) != 1:
            listed = ", ".join(sorted(names)[:5]) or "nothing"
            raise InvalidInput(f"{name} holds {len(members)} files ({listed}); unpack it and name the one to read")
        if members[0].flag_bits & 1:
            raise InvalidInput(f"{name} is encrypted; unpack it first")
        inner_name = PurePosixPath(members[0].filename).name
        with archive.open(members[0]) as inner, opened(inner, inner_name, layer + 1) as content:
            yield content


def _is_content(member: zipfile.ZipInfo) -> bool:
    """Neither a folder nor what macOS adds."""
    path = PurePosixPath(member.filename)
    return not (member.is_dir() or path.parts[0] == "__MACOSX" or path.name.startswith("."))


def _without_ending(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in PACKED_ENDINGS else name
