"""Rows that RFC 4180 describes, which are most of them: given to `csv`, many at once, for it is in C.

On these it agrees with `cells`, which reads all others. The page's `web/many/reading/quick_rows.js` is for the same.
"""

import csv
import io
import re
from typing import Final

#: Below the limit that `csv` sets for a cell, and rows enough: more at once keep the garbage collector busy.
_CSV_CHARS: Final = 16_000


def agreed_pattern(delimiter: str | None) -> re.Pattern[str] | None:
    """What such rows look like, as many as follow each other; None where a dialect has rules of its own, as tabs do."""
    if delimiter is None or len(delimiter) != 1 or delimiter in '\t"':
        return None
    other = re.escape(delimiter)
    quoted = rf'(?<![^{other}\n])"[^"\0]*+(?:""[^"\0]*+)*+"(?![^{other}\r\n])'
    return re.compile(rf'(?>(?>[^"\r\n\0]++|{quoted})*+\r?+\n)*+')


def agreed_cells(
    pattern: re.Pattern[str], text: str, start: int, delimiter: str
) -> tuple[int, list[list[str]], list[int]]:
    """Where the rows end that begin at `start` and are all as `pattern` says, their cells, and the lines above each."""
    match = pattern.match(text, start, start + _CSV_CHARS)
    end = match.end() if match else start
    rows: list[list[str]] = []
    lines = [0]
    reader = csv.reader(io.StringIO(text[start:end], newline="\n"), delimiter=delimiter)
    for cells in reader:
        rows.append(cells)
        lines.append(reader.line_num)
    return end, rows, lines
