"""Rows that wait, on disk, until the last column is known."""

import json
import tempfile
from collections.abc import Iterator, Sequence
from typing import Self

from lightsleeper.bulk.records.findings import Value

Spooled = tuple[list[str | None], list[Value]]


class Spool:
    """Cells and what was found out about them, in order; gone with the block that reads them."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115  # `__exit__` closes

    def add(self, cells: Sequence[str | None], found: Sequence[Value]) -> None:
        """One more row."""
        self._file.write(json.dumps([cells, found]) + "\n")

    def __enter__(self) -> Self:
        """Read from here on."""
        self._file.seek(0)
        return self

    def __iter__(self) -> Iterator[Spooled]:
        """Every row."""
        for line in self._file:
            cells, found = json.loads(line)
            yield cells, found

    def __exit__(self, *failure: object) -> None:
        """The disk is given back."""
        self._file.close()
