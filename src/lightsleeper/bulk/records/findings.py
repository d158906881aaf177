"""What is found out about a row, and under which names it is written behind the row's own columns."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lightsleeper.bulk.records.rows import Row

#: In the command as on the page.
FOUND: Final = ("predicted_label", "predicted_score", "truncated", "unfamiliar", "error")

Value = str | float | bool | None


def free_names(names: Sequence[str], taken: Iterable[str]) -> list[str]:
    """`names`, made different where the file has such a column already: `error_by_lightsleeper`, then with a number.

    `Error` is one, too: for Spark, DuckDB and Excel's tables it is the same name.
    """
    free, folded = [], {name.casefold() for name in taken}
    for name in names:
        candidate, count = name, 1
        while candidate in folded:
            candidate = f"{name}_by_lightsleeper" + (f"_{count}" if count > 1 else "")
            count += 1
        free.append(candidate)
    return free


def found_values(row: Row, found: Mapping[str, Value]) -> list[Value]:
    """In the order of FOUND; what of the row has no place among its cells stands behind the reason."""
    return list(({**found, "error": f"{found['error']}: {row.surplus}"} if row.surplus else found).values())
