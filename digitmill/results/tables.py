"""Rows as CSV and NDJSON, chunk by chunk: for answers of the API, and for files that are written elsewhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from digitmill.domain.documents import row_document
from digitmill.domain.rows import Row, RowStatus
from digitmill.store.rows import Line

COLUMNS = ("index", "name", "status", "prediction", "confidence", "error", "reason", "answered_by", "answered_by_name")
MODEL, PERSON = "model", "person"
FAILED = RowStatus.FAILED.value
BOM = b"\xef\xbb\xbf"
"""Without it Excel takes the bytes of a CSV for its own code page."""
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins so for a formula: the last four are full-width = + - @ (OWASP, "CSV
Injection")."""

Cells = tuple[Any, ...]
"""What a table has of a row: as many as it has columns."""


def ndjson_pieces(chunks: Iterable[Sequence[Row]]) -> Iterator[bytes]:
    """A line of JSON for each row."""
    for rows in chunks:
        lines = [json.dumps(row_document(row), separators=(",", ":")) for row in rows]
        yield ("\n".join(lines) + "\n").encode()


def csv_pieces(
    chunks: Iterable[Sequence[Cells]],
    *,
    columns: Sequence[str] = COLUMNS,
    bom: bool = False,
    quote: str = "minimal",
) -> Iterator[bytes]:
    """The names of the columns, and a line for each row."""
    quoting: Literal[0, 1] = csv.QUOTE_ALL if quote == "all" else csv.QUOTE_MINIMAL
    yield (BOM if bom else b"") + _csv_lines([columns], quoting)
    for lines in chunks:
        yield _csv_lines([_harmless(line) if _runs(line) else line for line in lines], quoting)


def by_the_model(lines: Iterable[Line]) -> list[Cells]:
    """With the last columns. Nobody has answered where the image could not be read."""
    return [(*line, None if line[2] == FAILED else MODEL, None) for line in lines]


def cells_of(row: Row, *, final: bool) -> Cells:
    """With ``final`` the answer of a person who has given one."""
    if final and row.verdict is not None:
        said, name = row.verdict, row.revision.name if row.revision is not None else None
        return row.index, row.name, said.status.value, said.prediction, None, None, None, PERSON, name
    error = None if row.failure is None else row.failure.code.value
    reason = None if row.reason is None else row.reason.value
    by = None if row.failure is not None else MODEL
    return row.index, row.name, row.status.value, row.prediction, row.confidence, error, reason, by, None


def _csv_lines(lines: Iterable[Sequence[Any]], quoting: Literal[0, 1]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=quoting).writerows(lines)
    return text.getvalue().encode()


def _harmless(line: Cells) -> Cells:
    """The same with nothing that a spreadsheet takes for a formula in the names of the image and of the person."""
    name, person = (f"'{cell}" if cell and cell.startswith(FORMULA_STARTS) else cell for cell in (line[1], line[-1]))
    return line[0], name, *line[2:-1], person


def _runs(line: Cells) -> bool:
    return line[1].startswith(FORMULA_STARTS) or bool(line[-1] and line[-1].startswith(FORMULA_STARTS))
