"""Rows written out: CSV or JSON lines for programs, a table for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from digitmill.cli.terminal import printable
from digitmill.client import Client, Field, Row
from digitmill.client.client import Filters
from digitmill.errors import BadOptions

COLOURS = {"review": "yellow", "blank": "dim", "failed": "red"}
REASONS = {
    "cut_off": "may be cut off",
    "cross": "looks like a cross",
    "dash": "looks like a dash",
    "struck_out": "looks struck out",
    "several": "looks like several digits",
    "circled": "looks circled",
    "other": "looks like no digit",
    "blank": "looks empty",
}
"""What a table says of a row to review beside its confidence."""


OTHER_ENDINGS = {
    ".xlsx", ".xlsm", ".xls", ".ods", ".json", ".tsv", ".tab", ".parquet", ".xml", ".html", ".pdf", ".zip", ".gz",
    ".sqlite", ".db",
}  # fmt: skip
"""Of files that CSV is not, whatever it is called."""


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    TABLE = "table"


def choose_format(chosen: Format | None, out: Path | None) -> Format:
    """What was asked for; else what the file's ending says; else a table for a terminal and CSV for a pipe.

    Raises:
        BadOptions: the folder of ``out`` is not there, or its ending is that of another format; better said before
            hours of reading than after.
    """
    if out is not None and not out.absolute().parent.is_dir():
        raise BadOptions(f"The folder of {out} does not exist; make it first.")
    if chosen is not None:
        return chosen
    if out is not None:
        ending = out.suffix.lower()
        if ending in OTHER_ENDINGS:
            raise BadOptions(
                f"Rows are not written as {ending}: name a file that ends in .csv or .ndjson, or say --format. The "
                "page of the job has a spreadsheet."
            )
        return Format.NDJSON if ending in (".ndjson", ".jsonl") else Format.CSV
    return Format.TABLE if sys.stdout.isatty() else Format.CSV


def write_rows(
    client: Client, job_id: str, chosen: Format, out: Path | None, filters: Filters, *, final: bool = False
) -> None:
    """``out`` None is standard output; ``final`` belongs to CSV. Raises ClientError and OSError."""
    if chosen is Format.TABLE:
        if out is None:
            print_table(client.results(job_id, **filters))
            return
        with out.open("w", encoding="utf-8") as file:
            print_table(client.results(job_id, **filters), Console(file=file))
        return
    if chosen is Format.CSV:
        client.results_csv(job_id, out or sys.stdout.buffer, final=final, **filters)
    else:
        client.results_ndjson(job_id, out or sys.stdout.buffer, **filters)
    sys.stdout.flush()


def print_table(rows: Iterable[Row], console: Console | None = None) -> None:
    """A line for each row as it comes: a job may have more rows than a terminal, or a memory, holds."""
    console = console or Console()
    console.print(_line("index", "status", "value", "confidence", "name"), style="bold", soft_wrap=True)
    for row in rows:
        confidence = "" if row.confidence is None else f"{row.confidence:.4f}"
        note = row.error.detail if row.error is not None else REASONS.get(row.reason or "")
        name = row.name if note is None else f"{row.name}: {note}"
        said = row.correction
        if row.fields is not None and row.error is None:
            values = (f"{field}={printable(_shown(value))}" for field, value in row.fields.items())
            copy = "" if row.copy_of is None else f" (as row {row.copy_of})"
            place = "" if row.form_set is None else f" ({row.form} {row.form_set}, page {row.form_page})"
            name = f"{row.name}{place}{copy}: {' '.join(values)}"
        digit = row.prediction or "" if said is None else f"{said.prediction or said.status}!"
        line = _line(str(row.index), row.status, digit, confidence, printable(name))
        console.print(line, style=COLOURS.get(row.status), markup=False, highlight=False, soft_wrap=True)


def print_pages(rows: Sequence[Row], console: Console | None = None) -> None:
    """A table of form pages with a column for each of their fields; as many rows as a screen shows."""
    console = console or Console()
    names = list(dict.fromkeys(name for row in rows for name in row.fields or {}))
    lines = [("name", "status", *names), *(_cells(row, names) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line, row in zip(lines, (None, *rows), strict=True):
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        style = "bold" if row is None else COLOURS.get(row.status)
        note = "" if row is None or row.error is None else printable(row.error.detail)
        console.print(f"{text}  {note}".rstrip(), style=style, markup=False, highlight=False, soft_wrap=True)


def _cells(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    fields = {} if row.error is not None else row.fields or {}
    values = (printable(_shown(fields[name])) if name in fields else "" for name in names)
    return printable(row.name), row.status, *values


def _shown(field: Field) -> str:
    """The value of a field; a person's answer with ``!``, a doubtful one with ``?``."""
    if field.correction is not None:
        return f"{field.correction.prediction or field.correction.status}!"
    return (field.value or "") + ("?" if field.status == "review" else "")


def _line(index: str, status: str, prediction: str, confidence: str, name: str) -> str:
    return f"{index:>7}  {status:<10}  {prediction:<5}  {confidence:<10}  {name}"
