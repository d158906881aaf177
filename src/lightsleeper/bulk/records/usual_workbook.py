"""Workbooks that openpyxl does not take, or should not: a copy with the same cells, or none."""

import io
import re
import shutil
import zipfile
from typing import IO, Final

from lightsleeper.errors import InvalidInput

_STRICT: Final = b"http://purl.oclc.org/ooxml/"
_USUAL: Final = b"http://schemas.openxmlformats.org/"
_NAMESPACE = re.compile(re.escape(_STRICT) + rb"(officeDocument|spreadsheetml|drawingml)/")
#: A part names its document type and its namespaces at its beginning.
_BEGINNING_BYTES: Final = 1 << 16
_STYLES: Final = "xl/styles.xml"
_FORMAT = re.compile(rb"<(?:\w+:)?numFmt\b([^<>]*)>")
_CELL_STYLES = re.compile(rb"<(?:\w+:)?cellXfs\b")
_CELL_STYLES_END = re.compile(rb"</(?:\w+:)?cellXfs>")
_CELL_STYLE = re.compile(rb"<(?:\w+:)?xf\b([^<>]*)>")
_NUMBER = re.compile(rb"\bnumFmtId\s*=\s*[\"'](\d+)[\"']")
_CODE = re.compile(rb"\bformatCode\s*=\s*(\"[^\"]*\"|'[^']*')")


def require_no_doctype(stream: IO[bytes]) -> None:
    """InvalidInput for a workbook with entities of its own: text that stands nowhere in a sheet, or has no end."""
    with zipfile.ZipFile(stream) as archive:
        for name in archive.namelist():
            with archive.open(name) as part:
                if name.startswith("xl/") and b"<!DOCTYPE" in part.read(_BEGINNING_BYTES):
                    raise InvalidInput("it has a DOCTYPE, which no spreadsheet program writes")
    stream.seek(0)


def usual_form(stream: IO[bytes]) -> IO[bytes]:
    """The workbook in the namespaces of ISO 29500 Transitional, where it is Strict, with no styles but of numbers."""
    copy = io.BytesIO()
    with zipfile.ZipFile(stream) as source, zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            with source.open(name) as part, target.open(name, "w") as written:
                if name == _STYLES:
                    written.write(_only_numbers(part.read()))
                    continue
                written.write(_NAMESPACE.sub(_USUAL + rb"\1/2006/", part.read(_BEGINNING_BYTES)))
                shutil.copyfileobj(part, written)
    copy.seek(0)
    return copy


def _only_numbers(styles: bytes) -> bytes:
    """Which cells are dates, and nothing of how they look: there openpyxl is strict with what programs leave out."""
    formats = [(_NUMBER.search(tag), _CODE.search(tag)) for tag in _FORMAT.findall(styles)]
    codes = b"".join(
        b'<numFmt numFmtId="%b" formatCode=%b/>' % (number[1], code[1]) for number, code in formats if number and code
    )
    begin = _CELL_STYLES.search(styles)
    end = _CELL_STYLES_END.search(styles, begin.end()) if begin else None
    section = styles[begin.end() : end.start()] if begin and end else b"<xf>"
    numbers = [_NUMBER.search(tag) for tag in _CELL_STYLE.findall(section)]
    cells = b"".join(b'<xf numFmtId="%b"/>' % (number[1] if number else b"0") for number in numbers)
    return (
        b'<styleSheet xmlns="' + _USUAL + b'spreadsheetml/2006/main">'
        b"<numFmts>" + codes + b"</numFmts><fonts><font/></fonts>"
        b"<fills><fill><patternFill/></fill></fills><borders><border/></borders>"
        b"<cellStyleXfs><xf/></cellStyleXfs><cellXfs>" + cells + b"</cellXfs>"
        b'<cellStyles><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
    )
