"""Rows: pages, streams, one by one."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import AliasChoices, BeforeValidator, Field
from werkzeug.exceptions import ClientDisconnected
from werkzeug.wsgi import FileWrapper
from xlsxwriter.exceptions import XlsxFileError

from digitmill import __version__, errors
from digitmill.domain.access import Scope
from digitmill.domain.jobs import Job
from digitmill.domain.rows import RowStatus
from digitmill.errors import BadOptions, Expired, FieldError, NotFound, StorageUnavailable
from digitmill.readers import reader_of
from digitmill.results.rows import EVERY_ROW, RowFilter, Some
from digitmill.results.tables import COLUMNS, FORMULA_STARTS, Cells, by_the_model, cells_of, csv_pieces, ndjson_pieces
from digitmill.uploads.spool import SPREADSHEET_SUFFIX
from web.context import context, owner, service
from web.documents.answers import compressed, is_one_range, json_answer, row_answer, stream_answer, with_ranges
from web.documents.certificates import certificate_lines, certificate_of
from web.documents.inputs import ConditionalHeaders, Headers, Query, digits, split
from web.documents.openapi import BYTES, CSV, JSON, NDJSON, XLSX, answer, operation, reference
from web.documents.schemas import page_document
from web.server.connection import client_gone
from web.server.waiting import Slot
from web.tables.page_tables import (
    CHECK_COLUMNS,
    CHECK_WIDTHS,
    CHECKS,
    check_lines,
    columns_of,
    fields_of,
    harmless,
    has_checks,
    is_too_wide,
    page_line,
    widths_of,
)
from web.tables.spreadsheet import COLUMNS_OF_A_SHEET, WIDTHS, Sheet, write_spreadsheet

MEDIA_TYPES = {"json": JSON, "ndjson": NDJSON, "csv": CSV, "xlsx": XLSX}
TABLES = ("csv", "xlsx")
CSV_TYPE = f"{CSV}; charset=utf-8"
BLOCK_BYTES = 256 << 10
UNREAD = "unread"
TOO_WIDE = "A spreadsheet has at most {most:,} columns, and these rows have {columns:,}. Take them as CSV or NDJSON."
AT_ONCE = b""
"""Sends the headers now, though the first row may be long in coming."""

results = APIBlueprint("results", __name__, tag="Results")


Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class ResultsHeaders(Headers):
    range: Annotated[str, Field(description="`bytes=FROM-TO` of the CSV of a final job, to go on with a download.")] = (
        ""
    )
    if_range: Annotated[str, Field(description="The ETag of the CSV that has begun to come.")] = ""


class TableQuery(Query):
    status: (
        Annotated[
            list[Literal["recognized", "review", "blank", "failed"]],
            BeforeValidator(split),
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
        Field(
            description="With CSV and XLSX: a person's answer in the place of the model's, without a confidence. "
            "Images that a job ended without come last, as `unread`."
        ),
    ] = "false"
    bom: Annotated[
        Literal["true", "false"],
        Field(description="With CSV: a byte order mark at the beginning, by which Excel knows that it is UTF-8."),
    ] = "false"
    # `quote` is its first name: clients that are generated in Python have a function of this name
    quoting: Annotated[
        Literal["minimal", "all"],
        Field(
            validation_alias=AliasChoices("quoting", "quote"),
            description="With CSV: quote the cells that need it, or all, for programs that take only such for text.",
        ),
    ] = "minimal"

    def rows(self) -> RowFilter:
        statuses = frozenset(RowStatus(status) for status in self.status) if self.status else frozenset(RowStatus)
        corrected = None if self.corrected is None else self.corrected == "true"
        return RowFilter(statuses, self.min_confidence, self.max_confidence, corrected)


class ResultsQuery(TableQuery):
    limit: (
        Annotated[int, Field(ge=1, le=1000, description="Rows on a page; 100 unless given."), BeforeValidator(digits)]
        | None
    ) = None
    cursor: (
        Annotated[str, Field(pattern="^[0-9]{1,12}$", description="The `next_cursor` of the page before.")] | None
    ) = None
    format: (
        Annotated[Literal["json", "ndjson", "csv", "xlsx"], Field(description="Instead of an Accept header.")] | None
    ) = None


@results.get("/v1/jobs/<job_id>/results")
@results.input(ResultsHeaders, location="headers", arg_name="headers")
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
            headers=("Digitmill-Rows",),
        ),
        206: answer("These bytes of the CSV.", (CSV, {"type": "string"}), headers=("ETag", "Content-Range")),
        304: answer("You have the CSV of this ETag.", headers=("ETag",)),
        416: BYTES,
    },
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    scope=Scope.READ,
)
def list_results(job_id: str, query: ResultsQuery, headers: ResultsHeaders) -> Response:
    """Read rows, also while the job runs

    JSON comes in pages: follow `next_cursor` until it is null. NDJSON and CSV (by `Accept` or `format`) stream all
    rows, and go on until the job is final; XLSX comes when it is. JSON, NDJSON and CSV come compressed where
    `Accept-Encoding` has gzip.
    """
    kind = query.format or _accepted_format()
    _check(query, kind)
    if kind == "json":
        page = service().results.page(owner(), job_id, rows=query.rows(), limit=query.limit or 100, cursor=query.cursor)
        response = compressed(json_answer(page_document(page)))
    else:
        response = _stream(job_id, query, headers, kind)
    response.vary.add("Accept")
    return response


@results.get("/v1/jobs/<job_id>/results.csv")
@results.input(ResultsHeaders, location="headers", arg_name="headers")
@results.input(TableQuery, location="query", arg_name="query")
@operation(
    results,
    {
        200: answer("All rows.", (CSV, {"type": "string"}), headers=("Digitmill-Rows", "ETag")),
        206: answer("These bytes of them.", (CSV, {"type": "string"}), headers=("ETag", "Content-Range")),
        304: answer("You have the CSV of this ETag.", headers=("ETag",)),
        416: BYTES,
    },
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    scope=Scope.READ,
)
def download_csv(job_id: str, query: TableQuery, headers: ResultsHeaders) -> Response:
    """Download all rows as CSV

    As `results?format=csv`, for clients that are made for one kind of answer a call.
    """
    _check_range(query)
    return _stream(job_id, query, headers, "csv")


@results.get("/v1/jobs/<job_id>/results/<int:index>")
@results.input(ConditionalHeaders, location="headers", arg_name="headers")
@operation(
    results,
    {
        200: answer("The row.", "Row", headers=("ETag",)),
        304: answer("The row is as it was when you got this ETag.", headers=("ETag",)),
    },
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_result(job_id: str, index: int, headers: ConditionalHeaders) -> Response:  # noqa: ARG001
    """Read one row

    Its `ETag` is for `If-Match`, when you correct it, and for `If-None-Match`, to be told whether somebody has.
    """
    response = row_answer(service().results.row(owner(), job_id, index))
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def _accepted_format() -> str:
    """JSON unless the client likes another of our formats better."""
    best = request.accept_mimetypes.best_match((JSON, NDJSON, CSV, XLSX), default=JSON)
    return next(kind for kind, media_type in MEDIA_TYPES.items() if media_type == best)


def _check_range(query: TableQuery) -> None:
    low, high = query.min_confidence, query.max_confidence
    if low is not None and high is not None and low > high:
        message = "must not be above max_confidence"
        raise BadOptions(f"min_confidence {message}.", errors=(FieldError("min_confidence", message),))


def _check(query: ResultsQuery, kind: str) -> None:
    _check_range(query)
    if kind not in TABLES and query.final == "true":
        message = "belongs to CSV and XLSX; other formats have the correction beside the model's answer"
        raise BadOptions(f"final {message}.", errors=(FieldError("final", message),))
    for name, default in (("bom", "false"), ("quoting", "minimal")):
        if kind != "csv" and getattr(query, name) != default:
            message = "belongs to CSV"
            raise BadOptions(f"{name} {message}.", errors=(FieldError(name, message),))
    paged = [name for name in ("limit", "cursor") if getattr(query, name) is not None]
    if kind != "json" and paged:
        message = f"belongs to pages; {kind} streams all rows"
        raise BadOptions(f"{' and '.join(paged)} {message}.", errors=tuple(FieldError(name, message) for name in paged))


def _stream(job_id: str, query: TableQuery, headers: ResultsHeaders, kind: str) -> Response:
    job = service().jobs.get_read(owner(), job_id)
    rows, final = query.rows(), query.final == "true"
    fields = fields_of(job) if reader_of(job.options.read).by_template else None
    columns = COLUMNS if fields is None else columns_of(fields)
    if kind == "xlsx" and is_too_wide(columns):
        raise BadOptions(TOO_WIDE.format(most=COLUMNS_OF_A_SHEET, columns=len(columns)))
    slot = context().waiting.require_slot()
    if kind == "csv" and rows == EVERY_ROW and not final and fields is None:
        table = _while_heard(service().results.table(owner(), job_id), request.environ)
        return _csv_answer(job, query, headers, columns, map(by_the_model, table), slot)
    chunks = _while_heard(
        service().results.stream(owner(), job_id, rows=rows, alternatives=kind == "ndjson"), request.environ
    )
    if kind == "ndjson":
        return compressed(stream_answer(chain((AT_ONCE,), ndjson_pieces(chunks)), NDJSON, slot))
    lines: Iterator[list[Cells]] = (
        [cells_of(row, final=final) if fields is None else page_line(row, fields, final=final) for row in found]
        for found in chunks
    )
    if final and rows == EVERY_ROW and fields is None:
        lines = chain(lines, map(_unread, service().results.unread(owner(), job_id)))
    if kind == "csv":
        safe = lines if fields is None else ([harmless(line, FORMULA_STARTS) for line in found] for found in lines)
        return _csv_answer(job, query, headers, columns, safe, slot)
    widths = WIDTHS if fields is None else widths_of(fields)
    with slot:
        last = partial(_certificate, job_id) if final else None
        more = _checks(job, query) if fields is not None else ()
        out = _written(lambda path: write_spreadsheet(path, columns, chain.from_iterable(lines), widths, last, more))
    return _download(stream_answer(_blocks(out), XLSX, slot), job, kind)


def _csv_answer(
    job: Job,
    query: TableQuery,
    headers: ResultsHeaders,
    columns: Sequence[str],
    lines: Iterable[Sequence[Cells]],
    slot: Slot,
) -> Response:
    pieces = csv_pieces(lines, columns=columns, bom=query.bom == "true", quote=query.quoting)
    # what people say changes; the model's answers do not, once they are all there
    fixed = job.state.final and query.final == "false" and query.corrected is None
    # a weak ETag is of packed bytes, of which this range is none (RFC 9110, section 13.1.5)
    if not fixed or not is_one_range(headers.range) or headers.if_range.startswith("W/"):
        response = _download(stream_answer(pieces, CSV_TYPE, slot), job, "csv")
        if fixed:
            response.set_etag(_etag(job, query))
            response.headers["Accept-Ranges"] = "bytes"
            response.make_conditional(request)
        return compressed(response)
    with slot:
        out = _written(lambda path: _write_pieces(path, pieces))
    size = out.seek(0, os.SEEK_END)
    out.seek(0)
    response = _download(stream_answer(FileWrapper(out, BLOCK_BYTES), CSV_TYPE, slot), job, "csv")
    response.set_etag(_etag(job, query))
    return with_ranges(response, size)


def _etag(job: Job, query: TableQuery) -> str:
    """Of the CSV of a job that is final. Another release may write another."""
    said = (
        job.id,
        sorted(job.counts.statuses.items()),
        __version__,
        COLUMNS,
        query.model_dump_json(exclude={"format"}),
    )
    return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _download(response: Response, job: Job, kind: str) -> Response:
    partly = job.state.final and job.counts.done < job.counts.total
    if partly:
        response.headers["Digitmill-Rows"] = f"{job.counts.done} of {job.counts.total}"
    name = f"digitmill-{job.id}{'-incomplete' if partly else ''}.{kind}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _checks(job: Job, query: TableQuery) -> Sequence[Sheet]:
    """The sheet of what the checks say of each page, where a template of the job has some."""
    if not has_checks(job):
        return ()

    def lines() -> Iterator[Cells]:
        # the rows are read once more: to keep what they say of checks would take memory as the job grows
        for found in service().results.stream(job.owner, job.id, rows=query.rows(), alternatives=False):
            yield from check_lines(found)

    return (Sheet(CHECKS, CHECK_COLUMNS, CHECK_WIDTHS, lines),)


def _certificate(job_id: str) -> Sequence[Cells]:
    people = service().keys.names_of(owner()) if service().keys.asked() else {}
    return certificate_lines(certificate_of(service().jobs.get(owner(), job_id)), people)


def _unread(images: Iterable[tuple[int, str]]) -> list[Cells]:
    """A line for each image that the job ended without, so that nobody takes the table for all of them."""
    return [(index, name, UNREAD, None, None, None, None, None, None) for index, name in images]


def _while_heard(chunks: Iterator[list[Some]], environ: dict[str, Any]) -> Iterator[list[Some]]:
    try:
        for rows in chunks:
            if rows:
                yield rows
            elif client_gone(environ):
                # an error, since a plain end would say that these are all rows
                raise ConnectionResetError(errno.ECONNRESET, "the client hung up")
    except (NotFound, Expired) as error:
        raise ConnectionResetError(errno.ECONNRESET, "the job is gone") from error


def _write_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(pieces)


def _written(write: Callable[[Path], None]) -> IO[bytes]:
    """What ``write`` has put into a file that is on the disk no longer than it is read."""
    folder = service().settings.spool
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(suffix=SPREADSHEET_SUFFIX, dir=folder) as place:
            path = Path(place) / "rows"
            write(path)
            # what is open stays readable when its name is gone
            return path.open("rb")
    except ConnectionResetError as error:
        raise ClientDisconnected from error
    except (OSError, XlsxFileError) as error:
        # the disk is full, or the folder was cleared while the rows were waited for
        raise StorageUnavailable(
            "The server cannot store the rows on their way; try again later, or take them as CSV from the beginning."
        ) from error


def _blocks(out: IO[bytes]) -> Iterator[bytes]:
    with out:
        while block := out.read(BLOCK_BYTES):
            yield block
