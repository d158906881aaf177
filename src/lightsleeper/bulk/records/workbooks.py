"""xlsx and parquet: read by openpyxl and pyarrow, where they are installed."""

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from itertools import count, islice
from typing import IO, TYPE_CHECKING, Any, Final

from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.columns import unique_names
from lightsleeper.bulk.records.sheet_oddities import Oddity, oddities
from lightsleeper.bulk.records.usual_workbook import require_no_doctype, usual_form
from lightsleeper.errors import InvalidInput

_EPOCH_1904: Final = 1904
#: How XML writes characters that it does not hold, as Excel does with a carriage return.
_ESCAPE = re.compile("_x((?!D[89A-F])[0-9A-F]{4})_")

if TYPE_CHECKING:
    import pyarrow as pa
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet


class Sheets:
    """The sheets of a workbook that are shown, or all if none is, and their rows as the cells read."""

    def __init__(self, stream: IO[bytes], name: str) -> None:
        """InvalidInput in one line if it cannot be read."""
        require("openpyxl", name, "xlsx")
        self._name = name
        # It warns of dates that Excel does not have, which `oddities` finds, and of styles that are not there.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
        with _one_line(name):
            self._book, self._stream = _loaded(stream)
            sheets = [sheet for sheet in self._book.worksheets if sheet.sheet_state == "visible"]
            self._sheets = {sheet.title: sheet for sheet in sheets or self._book.worksheets}
            for sheet in self._sheets.values():
                sheet.reset_dimensions()  # what a file says of its own size is often wrong, and would cut it

    @property
    def titles(self) -> list[str]:
        """In the order in which a spreadsheet program shows them."""
        return list(self._sheets)

    def named(self, title: str) -> str:
        """The sheet of that title, in any case; InvalidInput with those there are."""
        folded = {each.strip().casefold(): each for each in self._sheets}
        known = title if title in self._sheets else folded.get(title.strip().casefold())
        if known is None:
            listed = ", ".join(map(repr, self._sheets))
            raise InvalidInput(f"{self._name}: no sheet {title!r} among {listed}", field="sheet")
        return known

    def is_filled(self, title: str) -> bool:
        """Whether it holds anything."""
        with _one_line(self._name):
            rows = self._sheets[title].iter_rows(values_only=True)
            return any(cell is not None for row in rows for cell in row)

    def beginning(self, title: str, count: int) -> list[Cells]:
        """Its first rows, without a look at what is odd in them."""
        return list(islice(_rows(self._sheets[title], self._name, {}), count))

    def rows(self, title: str) -> Iterator[Cells]:
        """All of its rows, without the blank cells at the end of each."""
        sheet = self._sheets[title]
        with _one_line(self._name):
            path = sheet._worksheet_path  # type: ignore[attr-defined]  # noqa: SLF001  # said nowhere else
            odd = oddities(self._stream, path, is_1904=self._book.epoch.year == _EPOCH_1904)
        return _rows(sheet, self._name, odd)


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    """What openpyxl raises, which is whatever its XML parser and its classes do."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(f"{name}: {error.message}") from error
    except Exception as error:
        raise InvalidInput(f"{name} cannot be read as xlsx: {type(error).__name__}") from error


def _loaded(stream: IO[bytes]) -> tuple["Workbook", IO[bytes]]:
    """The workbook, and the bytes it was read from: its own, or those of a copy where openpyxl does not take them."""
    import openpyxl  # noqa: PLC0415  # an extra

    require_no_doctype(stream)
    try:
        # `data_only`: what Excel computed, not the formula.
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
    except Exception:  # noqa: BLE001  # see `_one_line`; what is no workbook at all fails again
        book = None
    if book and book.worksheets:
        return book, stream
    stream.seek(0)
    copy = usual_form(stream)
    return openpyxl.load_workbook(copy, read_only=True, data_only=True), copy


def _rows(sheet: "Worksheet", name: str, odd: Mapping[tuple[int, int], Oddity]) -> Iterator[Cells]:
    rows = sheet.iter_rows(values_only=True)
    for number in count(1):
        with _one_line(name):
            row = next(rows, None)
        if row is None:
            return
        cells = [_shown(cell) for cell in row]
        here = (
            {column: odd[number, column] for column in range(1, 1 + len(row)) if (number, column) in odd} if odd else {}
        )
        for column, oddity in here.items():
            if oddity.written and isinstance(row[column - 1], datetime | date | time | str):
                cells[column - 1] = _shown(_number(oddity.written))
        while cells and not cells[-1]:
            cells.pop()
        yield Cells(cells, number, kinds={column - 1: each.kind for column, each in here.items() if each.kind} or None)


def parquet_names(stream: IO[bytes]) -> list[str]:
    """A name for each column of a parquet file; pyarrow's errors if it is none."""
    from pyarrow.parquet import read_schema  # noqa: PLC0415  # an extra

    names = read_schema(stream).names
    return unique_names(names, len(names))


def parquet_rows(stream: IO[bytes], name: str) -> Iterator[str]:
    """Every row as a JSON object."""
    require("pyarrow", name, "parquet")
    import pyarrow as pa  # noqa: PLC0415  # an extra
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415  # see above

    try:
        file = ParquetFile(stream)
        names = parquet_names(stream)
        for batch in file.iter_batches(batch_size=1024):
            for row in _values(batch.rename_columns(names)):
                yield json.dumps(_finite(row), ensure_ascii=False, default=_plain, allow_nan=False)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # dates that Python does not have
        raise InvalidInput(f"{name} cannot be read as parquet: {str(error).splitlines()[0]}") from error


def _values(batch: "pa.RecordBatch") -> Iterator[dict[str, Any]]:
    """Every row; moments that Python does not have, before the year 1 and beyond 9999, as Arrow writes them."""
    import pyarrow as pa  # noqa: PLC0415  # an extra

    try:
        rows = batch.to_pylist()
    except (ValueError, OverflowError):
        columns = [each.cast(pa.string()) if pa.types.is_temporal(each.type) else each for each in batch.columns]
        rows = pa.RecordBatch.from_arrays(columns, batch.schema.names).to_pylist()
    yield from rows


def _finite(value: Any) -> Any:  # noqa: ANN401  # whatever a cell holds
    """The value with None for each NaN or infinity: JSON has neither, and to pandas NaN is what is missing."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def require(module: str, name: str, file_format: str) -> None:
    """InvalidInput, saying how to get it, if the `module` for a file of that format is not installed."""
    if find_spec(module) is None:
        raise InvalidInput(f"{name} is {file_format}: pip install 'lightsleeper[files]', or save it as csv")


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e16:  # noqa: PLR2004  # 16 digits are Excel's most
        return str(int(cell))
    if isinstance(cell, datetime | time):
        return _moment(cell)
    if isinstance(cell, timedelta):
        return _duration(cell)
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell) if isinstance(cell, str) else str(cell)


def _number(written: str) -> int | float:
    return int(written) if re.fullmatch("-?[0-9]+", written) else float(written)


def _moment(moment: datetime | time) -> str:
    precision = "milliseconds" if moment.microsecond else "seconds"
    if isinstance(moment, time):
        return moment.isoformat(precision)
    return moment.date().isoformat() if moment.time() == time() else moment.isoformat(" ", precision)


def _duration(span: timedelta) -> str:
    """Hours, however many, as `[h]:mm:ss` shows them."""
    minutes, seconds = divmod(round(abs(span).total_seconds()), 60)
    return f"{'-' if span < timedelta() else ''}{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")  # a row says if there are bytes of no text in it
    return float(value) if isinstance(value, Decimal) and value == Decimal(float(value)) else str(value)
