"""Rows as a spreadsheet (Office Open XML), written to disk row by row: memory does not grow with the job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import xlsxwriter

ROWS_OF_A_SHEET = 1_048_575
"""What the format holds, less the heading."""
COLUMNS_OF_A_SHEET = 16_384
"""What the format holds: what lies beyond would be left out without a word."""
CERTIFICATE = "Certificate"
MOST_CHARACTERS = 32_767
WIDTHS = (10, 40, 14, 12, 14, 24, 14, 14, 24)

DOUBTFUL = "#FFE699"

Cells = Sequence[str | int | float | None]


class Doubtful(str):
    """A cell that is coloured, for a person should look at it."""

    __slots__ = ()


class Sheet(NamedTuple):
    """A sheet of its own: its name, its ``columns`` and their widths, and what gives its lines."""

    name: str
    columns: Sequence[str]
    widths: Sequence[int]
    lines: Callable[[], Iterable[Cells]]


def write_spreadsheet(
    path: Path,
    columns: Sequence[str],
    lines: Iterable[Cells],
    widths: Sequence[int] = WIDTHS,
    last: Callable[[], Iterable[Cells]] | None = None,
    more: Sequence[Sheet] = (),
) -> None:
    """Write the lines under ``columns``, then ``more`` sheets, each on several where one does not hold it, and then the
    lines of CERTIFICATE, which ``last`` gives when all others are written.

    Text is written as text, whatever it looks like: leading zeros stay, and nothing is taken for a formula or a link.
    """
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)})
    doubtful = book.add_format({"bg_color": DOUBTFUL})
    try:
        for each in (Sheet("", columns, widths, lambda: lines), *more):
            _write_all(book, each, doubtful)
        if last is not None:
            sheet = book.add_worksheet(CERTIFICATE)
            sheet.set_column(0, 1, 44)
            for place, line in enumerate(last()):
                _write(sheet, place, line, doubtful)
    finally:
        try:
            book.close()
        finally:
            _close_files(book)


def _write_all(book: xlsxwriter.Workbook, wanted: Sheet, doubtful: object) -> None:
    heading = book.add_format({"bold": True})
    sheet, used, sheets = None, ROWS_OF_A_SHEET, 0
    for line in wanted.lines():
        if used == ROWS_OF_A_SHEET:
            sheets += 1
            sheet, used = _new_sheet(book, wanted, heading, sheets), 0
        used += 1
        _write(sheet, used, line, doubtful)
    if sheet is None:
        _new_sheet(book, wanted, heading, 1)


def _close_files(book: xlsxwriter.Workbook) -> None:
    """Those that the package leaves open where it fails: they would hold the room of a full disk for long."""
    for sheet in book.worksheets():
        with suppress(OSError):
            sheet.row_data_fh.close()


def _new_sheet(
    book: xlsxwriter.Workbook, wanted: Sheet, heading: object, number: int
) -> xlsxwriter.worksheet.Worksheet:
    """The sheet of this ``number`` of those that are ``wanted``; one without a name is called as the format does."""
    name = wanted.name if number == 1 or not wanted.name else f"{wanted.name} {number}"
    sheet = book.add_worksheet(name or None)
    for column, (title, width) in enumerate(zip(wanted.columns, wanted.widths, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, title, heading)
    sheet.freeze_panes(1, 0)
    return sheet


def _write(sheet: xlsxwriter.worksheet.Worksheet, place: int, line: Cells, doubtful: object) -> None:
    for column, value in enumerate(line):
        if isinstance(value, Doubtful):
            # a cell of no text would be left out, and its colour with it
            write = sheet.write_string if value else sheet.write_blank
            write(place, column, value[:MOST_CHARACTERS], doubtful)
        elif isinstance(value, str):
            sheet.write_string(place, column, value[:MOST_CHARACTERS])
        elif value is not None:
            sheet.write_number(place, column, value)
