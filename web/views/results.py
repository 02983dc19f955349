"""Rows: pages, streams, one by one."""

from __future__ import annotations

import csv
import errno
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field
from werkzeug.exceptions import ClientDisconnected
from xlsxwriter.exceptions import XlsxFileError

from digitmill import errors
from digitmill.domain import Row, RowStatus, Scope
from digitmill.errors import BadOptions, FieldError, StorageUnavailable
from digitmill.results import EVERY_ROW, RowFilter, Some
from digitmill.store.rows import Line
from digitmill.uploads.spool import SPREADSHEET_SUFFIX
from web.answers import json_answer, row_answer, stream_answer
from web.connection import client_gone
from web.context import context, owner, service
from web.inputs import Query, digits
from web.openapi import CSV, JSON, NDJSON, XLSX, answer, operation, reference
from web.schemas import page_document, row_document
from web.spreadsheet import write_spreadsheet

MEDIA_TYPES = {"json": JSON, "ndjson": NDJSON, "csv": CSV, "xlsx": XLSX}
TABLES = ("csv", "xlsx")
CSV_TYPE = f"{CSV}; charset=utf-8"
BLOCK_BYTES = 256 << 10
COLUMNS = ("index", "name", "status", "prediction", "confidence", "error", "reason")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins so for a formula: the last four are full-width = + - @ (OWASP, "CSV
Injection")."""

results = APIBlueprint("results", __name__, tag="Results")


def _split(value: Any) -> Any:
    return value.split(",") if isinstance(value, str) else value


Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ResultsQuery(Query):
    limit: (
        Annotated[int, Field(ge=1, le=1000, description="Rows on a page; 100 unless given."), BeforeValidator(digits)]
        | None
    ) = None
    cursor: (
        Annotated[str, Field(pattern="^[0-9]{1,12}$", description="The `next_cursor` of the page before.")] | None
    ) = None
    status: (
        Annotated[
            list[Literal["recognized", "review", "blank", "failed"]],
            BeforeValidator(_split),
            Field(min_length=1, description="Only rows of these statuses; repeated, or with commas."),
        ]
        | None
    ) = None
    min_confidence: Annotated[Confidence, Field(description="Only rows at least so sure.")] | None = None
    max_confidence: Annotated[Confidence, Field(description="Only rows at most so sure.")] | None = None
    corrected: (
        Annotated[
            Literal["true", "false"],
            Field(description="Only rows that a person has corrected or confirmed, or only the others."),
        ]
        | None
    ) = None
    final: Annotated[
        Literal["true", "false"],
        Field(description="With CSV and XLSX: a person's answer in the place of the model's, without a confidence."),
    ] = "false"
    format: (
        Annotated[Literal["json", "ndjson", "csv", "xlsx"], Field(description="Instead of an Accept header.")] | None
    ) = None

    def rows(self) -> RowFilter:
        statuses = frozenset(RowStatus(status) for status in self.status) if self.status else frozenset(RowStatus)
        corrected = None if self.corrected is None else self.corrected == "true"
        return RowFilter(statuses, self.min_confidence, self.max_confidence, corrected)


@results.get("/v1/jobs/<job_id>/results")
@results.input(ResultsQuery, location="query", arg_name="query")
@operation(
    results,
    {
        200: answer(
            "A page of rows as JSON; all rows as NDJSON, CSV or XLSX.",
            "Page",
            (NDJSON, reference("Row")),
            (CSV, {"type": "string"}),
            (XLSX, {"type": "string", "contentMediaType": XLSX}),
        )
    },
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    scope=Scope.READ,
)
def list_results(job_id: str, query: ResultsQuery) -> Response:
    """Read rows, also while the job runs

    JSON comes in pages: follow `next_cursor` until it is null. NDJSON and CSV (by `Accept` or `format`) stream all
    rows, and go on until the job is final; XLSX comes when it is.
    """
    kind = query.format or _accepted_format()
    _check(query, kind)
    if kind == "json":
        page = service().results.page(owner(), job_id, rows=query.rows(), limit=query.limit or 100, cursor=query.cursor)
        response = json_answer(page_document(page))
    else:
        response = _stream(job_id, query.rows(), kind, final=query.final == "true")
    response.headers["Vary"] = "Accept"
    return response


@results.get("/v1/jobs/<job_id>/results/<int:index>")
@operation(
    results,
    {200: answer("The row.", "Row", headers=("ETag",))},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_result(job_id: str, index: int) -> Response:
    """Read one row

    Its `ETag` is for `If-Match`, when you correct it.
    """
    return row_answer(service().results.row(owner(), job_id, index))


def _accepted_format() -> str:
    """JSON unless the client likes another of our formats better."""
    best = request.accept_mimetypes.best_match((JSON, NDJSON, CSV, XLSX), default=JSON)
    return next(kind for kind, media_type in MEDIA_TYPES.items() if media_type == best)


def _check(query: ResultsQuery, kind: str) -> None:
    low, high = query.min_confidence, query.max_confidence
    if low is not None and high is not None and low > high:
        message = "must not be above max_confidence"
        raise BadOptions(f"min_confidence {message}.", errors=(FieldError("min_confidence", message),))
    if kind not in TABLES and query.final == "true":
        message = "belongs to CSV and XLSX; other formats have the correction beside the model's answer"
        raise BadOptions(f"final {message}.", errors=(FieldError("final", message),))
    paged = [name for name in ("limit", "cursor") if getattr(query, name) is not None]
    if kind != "json" and paged:
        message = f"belongs to pages; {kind} streams all rows"
        raise BadOptions(f"{' and '.join(paged)} {message}.", errors=tuple(FieldError(name, message) for name in paged))


def _stream(job_id: str, rows: RowFilter, kind: str, *, final: bool) -> Response:
    service().jobs.get(owner(), job_id)
    slot = context().waiting.require_slot()
    if kind == "csv" and rows == EVERY_ROW and not final:
        lines = _while_heard(service().results.table(owner(), job_id), request.environ)
        return _download(stream_answer(_csv(lines), CSV_TYPE, slot), job_id, kind)
    chunks = _while_heard(
        service().results.stream(owner(), job_id, rows=rows, alternatives=kind == "ndjson"), request.environ
    )
    if kind == "ndjson":
        return stream_answer(_ndjson(chunks), NDJSON, slot)
    lines = ([_line(row, final=final) for row in found] for found in chunks)
    if kind == "csv":
        return _download(stream_answer(_csv(lines), CSV_TYPE, slot), job_id, kind)
    with slot:
        pieces = _xlsx(lines)
    return _download(stream_answer(pieces, XLSX, slot), job_id, kind)


def _download(response: Response, job_id: str, kind: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="digitmill-{job_id}.{kind}"'
    return response


def _while_heard(chunks: Iterator[list[Some]], environ: dict[str, Any]) -> Iterator[list[Some]]:
    for rows in chunks:
        if rows:
            yield rows
        elif client_gone(environ):
            # an error, since a plain end would say that these are all rows
            raise ConnectionResetError(errno.ECONNRESET, "the client hung up")


def _ndjson(chunks: Iterator[list[Row]]) -> Iterator[bytes]:
    # sends the headers now, though the first row may be long in coming
    yield b""
    for rows in chunks:
        lines = [json.dumps(row_document(row), separators=(",", ":")) for row in rows]
        yield ("\n".join(lines) + "\n").encode()


def _csv(chunks: Iterable[Sequence[Line]]) -> Iterator[bytes]:
    yield _csv_lines([COLUMNS])
    for lines in chunks:
        yield _csv_lines([_harmless(line) if line[1].startswith(FORMULA_STARTS) else line for line in lines])


def _xlsx(chunks: Iterable[Sequence[Line]]) -> Iterator[bytes]:
    folder = service().settings.spool
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(suffix=SPREADSHEET_SUFFIX, dir=folder) as place:
            path = Path(place) / "rows.xlsx"
            write_spreadsheet(path, COLUMNS, chain.from_iterable(chunks))
            # what is open stays readable when its name is gone
            out = path.open("rb")
    except ConnectionResetError as error:
        raise ClientDisconnected from error
    except (OSError, XlsxFileError) as error:
        # the disk is full, or the folder was cleared while the rows were waited for
        raise StorageUnavailable(
            "The server cannot store the spreadsheet on its way; try again later, or take the rows as CSV."
        ) from error

    def pieces() -> Iterator[bytes]:
        with out:
            while block := out.read(BLOCK_BYTES):
                yield block

    return pieces()


def _csv_lines(lines: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()


def _harmless(line: Line) -> Line:
    return line[0], f"'{line[1]}", *line[2:]


def _line(row: Row, *, final: bool) -> Line:
    """With ``final`` the answer of a person who has given one."""
    if final and row.verdict is not None:
        return row.index, row.name, row.verdict.status.value, row.verdict.prediction, None, None, None
    error = None if row.failure is None else row.failure.code.value
    reason = None if row.reason is None else row.reason.value
    return row.index, row.name, row.status.value, row.prediction, row.confidence, error, reason
