"""Rows as a spreadsheet (Office Open XML), written to disk row by row: memory does not grow with the job."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import xlsxwriter

ROWS_OF_A_SHEET = 1_048_575
"""What the format holds, less the heading."""
MOST_CHARACTERS = 32_767
WIDTHS = (10, 40, 14, 12, 14, 24, 14)

Cells = Sequence[str | int | float | None]


def write_spreadsheet(path: Path, columns: Sequence[str], lines: Iterable[Cells]) -> None:
    """Write the lines under ``columns``, on several sheets where one does not hold them.

    Text is written as text, whatever it looks like: leading zeros stay, and nothing is taken for a formula or a link.
    """
    book = xlsxwriter.Workbook(path, {"constant_memory": True, "tmpdir": str(path.parent)})
    heading = book.add_format({"bold": True})
    sheet, used = None, ROWS_OF_A_SHEET
    try:
        for line in lines:
            if used == ROWS_OF_A_SHEET:
                sheet, used = _new_sheet(book, columns, heading), 0
            used += 1
            _write(sheet, used, line)
        if sheet is None:
            _new_sheet(book, columns, heading)
    finally:
        try:
            book.close()
        finally:
            _close_files(book)


def _close_files(book: xlsxwriter.Workbook) -> None:
    """Those that the package leaves open where it fails: they would hold the room of a full disk for long."""
    for sheet in book.worksheets():
        with suppress(OSError):
            sheet.row_data_fh.close()


def _new_sheet(book: xlsxwriter.Workbook, columns: Sequence[str], heading: object) -> xlsxwriter.worksheet.Worksheet:
    sheet = book.add_worksheet()
    for column, (name, width) in enumerate(zip(columns, WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, name, heading)
    sheet.freeze_panes(1, 0)
    return sheet


def _write(sheet: xlsxwriter.worksheet.Worksheet, place: int, line: Cells) -> None:
    for column, value in enumerate(line):
        if isinstance(value, str):
            sheet.write_string(place, column, value[:MOST_CHARACTERS])
        elif value is not None:
            sheet.write_number(place, column, value)
