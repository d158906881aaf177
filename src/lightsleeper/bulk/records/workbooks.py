"""xlsx and parquet: read by openpyxl and pyarrow, where they are installed."""

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.util import find_spec
from itertools import count
from typing import IO, TYPE_CHECKING, Any, Final

from lightsleeper.bulk.records.cells import Cells
from lightsleeper.bulk.records.columns import unique_names
from lightsleeper.bulk.records.sheet_oddities import Oddity, oddities
from lightsleeper.bulk.records.usual_workbook import usual_form
from lightsleeper.errors import InvalidInput

_EPOCH_1904: Final = 1904
#: How XML writes characters that it does not hold, as Excel does with a carriage return.
_ESCAPE = re.compile("_x((?!D[89A-F])[0-9A-F]{4})_")

if TYPE_CHECKING:
    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet


def xlsx_sheets(stream: IO[bytes], name: str) -> tuple[str, list[str], Iterator[Cells]]:
    """The first sheet that holds anything, the names of the other ones, and its rows as the cells read."""
    require("openpyxl", name, "xlsx")
    # It warns of dates that Excel does not have, which `oddities` finds, and of styles that are not there.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"openpyxl\.")
    try:
        book, stream = _loaded(stream)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        for sheet in sheets:
            sheet.reset_dimensions()  # what a file says of its own size is often wrong, and would cut it
        filled = next((sheet for sheet in sheets if _is_filled(sheet)), sheets[0])
        path = filled._worksheet_path  # type: ignore[attr-defined]  # noqa: SLF001  # said nowhere else
        odd = oddities(stream, path, is_1904=book.epoch.year == _EPOCH_1904)
    except Exception as error:  # openpyxl raises whatever its XML parser and its classes do
        raise _damaged(name, error) from error
    others = [sheet.title for sheet in sheets if sheet is not filled]
    return filled.title, others, _rows(filled, name, odd)


def _loaded(stream: IO[bytes]) -> tuple["Workbook", IO[bytes]]:
    """The workbook, and the bytes it was read from: its own, or those of a copy where openpyxl does not take them."""
    import openpyxl  # noqa: PLC0415  # an extra

    try:
        # `data_only`: what Excel computed, not the formula.
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
    except Exception:  # noqa: BLE001  # see `xlsx_sheets`; what is no workbook at all fails again
        book = None
    if book and book.worksheets:
        return book, stream
    stream.seek(0)
    copy = usual_form(stream)
    return openpyxl.load_workbook(copy, read_only=True, data_only=True), copy


def _rows(sheet: "Worksheet", name: str, odd: Mapping[tuple[int, int], Oddity]) -> Iterator[Cells]:
    """Without the blank cells at the end of each."""
    rows = sheet.iter_rows(values_only=True)
    for number in count(1):
        try:
            row = next(rows, None)
        except Exception as error:  # see `xlsx_sheets`
            raise _damaged(name, error) from error
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


def _damaged(name: str, error: Exception) -> InvalidInput:
    return InvalidInput(f"{name} cannot be read as xlsx: {type(error).__name__}")


def parquet_rows(stream: IO[bytes], name: str) -> Iterator[str]:
    """Every row as a JSON object."""
    require("pyarrow", name, "parquet")
    import pyarrow as pa  # noqa: PLC0415  # an extra
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415  # see above

    try:
        file = ParquetFile(stream)
        names = unique_names(file.schema_arrow.names, len(file.schema_arrow.names))
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.rename_columns(names).to_pylist():
                yield json.dumps(_finite(row), ensure_ascii=False, default=_plain, allow_nan=False)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # dates that Python does not have
        raise InvalidInput(f"{name} cannot be read as parquet: {str(error).splitlines()[0]}") from error


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


def _is_filled(sheet: "Worksheet") -> bool:
    return any(cell is not None for row in sheet.iter_rows(values_only=True) for cell in row)


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
