"""Rows of form pages as a table: a page a row, a column a field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from digitmill.domain.jobs import Job
from digitmill.domain.rows import Row, RowStatus, Value
from digitmill.domain.verdicts import Verdict
from digitmill.readers import reader_of
from digitmill.results.tables import MODEL, PERSON
from web.context import service
from web.tables.spreadsheet import COLUMNS_OF_A_SHEET, Doubtful

FIRST = {"index": 10, "name": 40, "status": 14, "template": 20}
"""The columns before those of the fields, and their widths."""
LAST = {"error": 24, "review": 40, "answered_by": 14, "answered_by_name": 24, "copy_of": 10, "form_set": 10}
"""Those behind. Templates from before there were the last four may have fields that are called so: then the column is
the field's."""
FIELD_WIDTH = 14
CHECKS, CHECK_COLUMNS, CHECK_WIDTHS = "Checks", ("index", "name", "rule", "holds"), (10, 40, 60, 10)
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,' ]*")

Cells = tuple[Any, ...]


def fields_of(job: Job) -> tuple[str, ...]:
    """The names of the fields of all templates of the job, each once, in their order."""
    documents = _templates(job)
    return tuple(dict.fromkeys(field["name"] for document in documents for field in document["fields"]))


def labels_of(job: Job) -> dict[str, str]:
    """What people call the fields, by their names; of templates that differ the first one's word."""
    labels: dict[str, str] = {}
    for document in _templates(job):
        for field in document["fields"]:
            labels.setdefault(field["name"], field.get("label") or field["name"])
    return labels


def fits_a_spreadsheet(job: Job) -> bool:
    """Whether the rows of the job can be had as one: the format ends at so many columns."""
    return not reader_of(job.options.read).by_template or not is_too_wide(columns_of(fields_of(job)))


def is_too_wide(columns: Sequence[str]) -> bool:
    return len(columns) > COLUMNS_OF_A_SHEET


def has_checks(job: Job) -> bool:
    return any(document.get("checks") for document in _templates(job))


def _templates(job: Job) -> list[dict[str, Any]]:
    return [json.loads(service().templates.text(label)) for label in job.options.template]


def columns_of(fields: Sequence[str]) -> tuple[str, ...]:
    return *FIRST, *fields, *(name for name in LAST if name not in fields)


def widths_of(fields: Sequence[str]) -> list[int]:
    last = (width for name, width in LAST.items() if name not in fields)
    return [*FIRST.values(), *[FIELD_WIDTH] * len(fields), *last]


def check_lines(rows: Iterable[Row]) -> Iterator[Cells]:
    """A line for each check of each page: index, name, rule, and whether it holds; empty where that cannot be told."""
    for row in rows:
        for rule, holds in row.page.checks if row.page is not None else ():
            told = None if holds is None else "yes" if holds else Doubtful("no")
            yield row.index, row.name, rule, told


def page_line(row: Row, names: Sequence[str], *, final: bool) -> Cells:
    """The cells of one page; ``names`` are its columns of fields. With ``final`` the answers of people where they gave
    one. Behind the fields come those that are still to review, and who answered."""
    fields = row.fields or {}
    said = {name: last for name, last in row.revisions.items() if last.verdict is not None} if final else {}
    verdicts = {name: revision.verdict for name, revision in said.items()}
    doubtful = [name for name, value in fields.items() if _is_doubtful(value) and verdicts.get(name) is None]
    status = row.status
    if status is RowStatus.REVIEW and not doubtful:
        status = RowStatus.RECOGNIZED
    values = [_cell(fields.get(name), verdicts.get(name)) for name in names]
    template = row.page.template if row.page is not None else None
    error = row.failure.code.value if row.failure is not None else None
    by = PERSON if said else None if row.failure is not None else MODEL
    people = dict.fromkeys(said[name].name for name in fields if name in said)
    last = {
        "error": error,
        "review": " ".join(doubtful) or None,
        "answered_by": by,
        "answered_by_name": "; ".join(name for name in people if name) or None,
        "copy_of": None if row.copy_of is None else Doubtful(str(row.copy_of[0])),
        "form_set": None if row.place is None or row.place.number is None else str(row.place.number),
    }
    return row.index, row.name, status.value, template, *values, *(last[name] for name in LAST if name not in names)


def harmless(line: Cells, starts: tuple[str, ...]) -> Cells:
    """The same with nothing that a spreadsheet takes for a formula; numbers stay, those with a sign too."""
    return tuple(
        f"'{cell}" if isinstance(cell, str) and cell.startswith(starts) and not _NUMBER.fullmatch(cell) else cell
        for cell in line
    )


def _is_doubtful(value: Value) -> bool:
    return value.status in (RowStatus.REVIEW, RowStatus.FAILED)


def _cell(value: Value | None, verdict: Verdict | None) -> str | None:
    if verdict is not None:
        return verdict.prediction
    if value is None or not _is_doubtful(value):
        return None if value is None else value.text
    return Doubtful(value.text or "")
