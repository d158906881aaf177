"""Rows out as parquet: columns keep the types that the file gave them, where it gave any."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import IO, TYPE_CHECKING, Final

from lightsleeper.bulk.records.findings import FOUND, Value, found_values, free_names
from lightsleeper.bulk.records.rows import Row
from lightsleeper.bulk.records.spool import Spool, Spooled
from lightsleeper.bulk.records.table import Table
from lightsleeper.bulk.records.workbooks import require

if TYPE_CHECKING:
    import pyarrow as pa

#: Held at a time, and written as one group.
_GROUP_ROWS: Final = 16_384


class ParquetWriter:
    """Columns of parquet as they were, of all else as strings, which is what a csv knows; ours stand behind them."""

    def __init__(self, stream: IO[bytes], table: Table) -> None:
        """`table` is where the rows come from. InvalidInput in one line without pyarrow."""
        require("pyarrow", "the result", "parquet")
        self._stream, self._table = stream, table
        self._spool = Spool()

    def write(self, row: Row, found: Mapping[str, Value]) -> None:
        """The row, and what was found out about it."""
        # What came as parquet is read once more instead: as cells it has lost its types.
        self._spool.add([] if self._table.parquet else row.cells, found_values(row, found))

    def finish(self) -> None:
        """Write everything: only now every column is known."""
        import pyarrow.parquet as pq  # noqa: PLC0415  # an extra

        with self._spool as spool:
            rows = iter(spool)
            parts = self._source(rows) if self._table.parquet else self._cells(rows)
            with pq.ParquetWriter(self._stream, next(parts).schema) as writer:  # the first is empty
                for part in parts:
                    writer.write_table(part, _GROUP_ROWS)

    def _source(self, rows: Iterator[Spooled]) -> "Iterator[pa.Table]":
        """The file that was read, once more, so many rows at a time."""
        import pyarrow as pa  # noqa: PLC0415  # an extra
        import pyarrow.parquet as pq  # noqa: PLC0415  # see above

        file = pq.ParquetFile(self._table.parquet)
        yield self._with_found(file.schema_arrow.empty_table(), [])
        for batch in file.iter_batches(_GROUP_ROWS):
            yield self._with_found(pa.Table.from_batches([batch]), list(islice(rows, len(batch))))

    def _cells(self, rows: Iterator[Spooled]) -> "Iterator[pa.Table]":
        """Strings under the table's names."""
        import pyarrow as pa  # noqa: PLC0415  # an extra

        names = self._table.names
        schema = pa.schema([(name, pa.string()) for name in names])
        yield self._with_found(schema.empty_table(), [])
        while taken := list(islice(rows, _GROUP_ROWS)):
            padded = [[*cells, *[None] * (len(names) - len(cells))] for cells, _ in taken]
            columns = [pa.array(column, pa.string()) for column in zip(*padded, strict=True)]
            yield self._with_found(pa.Table.from_arrays(columns, schema=schema), taken)

    def _with_found(self, table: "pa.Table", rows: Sequence[Spooled]) -> "pa.Table":
        import pyarrow as pa  # noqa: PLC0415  # an extra

        kinds = dict.fromkeys(FOUND, pa.string()) | {"predicted_score": pa.float64()}
        kinds |= dict.fromkeys(("truncated", "unfamiliar"), pa.bool_())
        names = free_names(FOUND, [*self._table.names, *table.column_names])  # a struct's columns, and itself
        for index, (name, kind) in enumerate(zip(names, kinds.values(), strict=True)):
            table = table.append_column(pa.field(name, kind), [pa.array([found[index] for _, found in rows], kind)])
        return table
