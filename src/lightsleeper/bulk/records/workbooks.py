"""xlsx and parquet: read by openpyxl and pyarrow, where they are installed."""

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

from lightsleeper.errors import InvalidInput

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet


def xlsx_sheets(stream: IO[bytes], name: str) -> tuple[str, list[str], Iterator[list[str]]]:
    """The first sheet that holds anything, the names of the other ones, and its rows as the cells read."""
    require("openpyxl", name, "xlsx")
    import openpyxl  # noqa: PLC0415  # an extra

    try:
        # `data_only`: what Excel computed, not the formula.
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        filled = next((sheet for sheet in sheets if _is_filled(sheet)), sheets[0])
    except Exception as error:  # openpyxl raises whatever its XML parser and its classes do
        raise InvalidInput(f"{name} cannot be read as xlsx: {type(error).__name__}") from error
    others = [sheet.title for sheet in sheets if sheet is not filled]
    return filled.title, others, ([_shown(cell) for cell in row] for row in filled.iter_rows(values_only=True))


def parquet_rows(stream: IO[bytes], name: str) -> Iterator[str]:
    """Every row as a JSON object."""
    require("pyarrow", name, "parquet")
    import pyarrow as pa  # noqa: PLC0415  # an extra
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415  # see above

    try:
        file = ParquetFile(stream)
        for batch in file.iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                yield json.dumps(row, ensure_ascii=False, default=_plain)
    except (pa.ArrowException, OSError) as error:
        raise InvalidInput(f"{name} cannot be read as parquet: {str(error).splitlines()[0]}") from error


def require(module: str, name: str, file_format: str) -> None:
    """InvalidInput, saying how to get it, if the `module` for a file of that format is not installed."""
    if find_spec(module) is None:
        raise InvalidInput(f"{name} is {file_format}: pip install 'lightsleeper[files]', or save it as csv")


def _is_filled(sheet: "Worksheet") -> bool:
    return any(cell is not None for row in sheet.iter_rows(max_row=10, values_only=True) for cell in row)


def _shown(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:  # noqa: PLR2004  # beyond it Excel rounds
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat(*([" "] if isinstance(cell, datetime) else []))
    return str(cell)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return float(value) if isinstance(value, Decimal) and value == Decimal(float(value)) else str(value)
