"""Rows as a Parquet file, chunk by chunk: memory does not grow with the job."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet as write

from digitmill.results.tables import COLUMNS, Cells

KINDS = {"index": DataType.int64(), "confidence": DataType.float64()}
"""All other columns are text."""
COMPRESSION = "zstd(3)"
ROWS_OF_A_GROUP = 65_536
"""Of rows that are held in memory, and that programs read at a time."""


def write_parquet(path: Path, chunks: Iterable[Sequence[Cells]]) -> None:
    """Write the lines of ``chunks`` under COLUMNS; an empty cell is null. Raises OSError where the disk fails."""
    fields = [Field(name, KINDS.get(name, DataType.string()), nullable=True) for name in COLUMNS]
    schema = Schema(fields)
    batches = _batches(schema, [field.type for field in fields], chunks)
    write(
        RecordBatchReader.from_batches(schema, batches),
        path,
        compression=COMPRESSION,
        max_row_group_size=ROWS_OF_A_GROUP,
    )


def _batches(schema: Schema, kinds: Sequence[DataType], chunks: Iterable[Sequence[Cells]]) -> Iterator[RecordBatch]:
    for lines in chunks:
        columns = zip(*lines, strict=True)
        arrays = [Array(list(column), type=kind) for column, kind in zip(columns, kinds, strict=True)]
        yield RecordBatch.from_arrays(arrays, schema=schema)
