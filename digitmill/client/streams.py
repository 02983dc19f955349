"""All rows of a job in one stream, which must never look complete when it is not.

The end of a stream is believed only if HTTP itself marked it and, for a stream of all rows, if as many rows
came as the job has finished. A stream that breaks off earlier is opened again.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import httpx

from digitmill.client.documents import Job
from digitmill.client.errors import BrokenStream, UnexpectedAnswer, Unreachable
from digitmill.client.events import lines
from digitmill.client.transport import Transport

FRUITLESS_TRIES = 3
"""A stream of a final job that breaks off so often without a new row in between is given up."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A spreadsheet takes a cell that begins so for a formula: the last four are full-width = + - @ (OWASP, "CSV
Injection")."""

COLUMNS = ("index", "name", "status", "prediction", "confidence", "error", "reason", "answered_by", "answered_by_name")

PAGE_COLUMNS = ("index", "name", "status", "template")
LAST_PAGE_COLUMNS = ("error", "review", "answered_by", "answered_by_name", "copy_of", "form_set")
"""Of form pages; those of their fields stand between, also one that is called as one of the last."""
NUMBER = re.compile(r"[-+]?[0-9][0-9.,' ]*")

RowDocument = dict[str, Any]


def rows(transport: Transport, path: str, filters: Mapping[str, Any], job: Callable[[], Job]) -> Iterator[RowDocument]:
    """Row documents by rising index; of a running job, until it is final.

    Args:
        path: of the job's results.
        job: asks for the job as it is now.

    Raises:
        BrokenStream: fewer rows than the job has, also after trying again.
    """
    last, count, fruitless = -1, 0, 0
    while True:
        before = job()
        cause: Exception | None = None
        try:
            for row in _one_stream(transport, path, filters):
                if row["index"] > last:
                    last, count, fruitless = row["index"], count + 1, 0
                    yield row
            after = job()
            wanted = after if after.final else before
            if filters or count >= wanted.counts.done:
                return
        except (Unreachable, BrokenStream) as error:
            cause = error
        fruitless += before.final
        if fruitless == FRUITLESS_TRIES:
            raise BrokenStream(f"The rows of job {before.id} broke off after {count}. Ask for them again.") from cause


def _one_stream(transport: Transport, path: str, filters: Mapping[str, Any]) -> Iterator[RowDocument]:
    with transport.stream(path, accept="application/x-ndjson", params=filters) as response:
        require_framing(response)
        for line in lines(response.iter_bytes()):
            try:
                row = json.loads(line)
                row["index"] + 0
            except (ValueError, TypeError, KeyError) as error:
                raise BrokenStream(f"A row came cut off: {line[:80]!r}.") from error
            yield row


def require_framing(response: httpx.Response) -> None:
    """Without a length or chunks, the end of a body cannot be told from a lost connection."""
    if "transfer-encoding" not in response.headers and "content-length" not in response.headers:
        raise UnexpectedAnswer(
            "The rows come without an end that could be checked (neither a length nor chunks). Let the proxy "
            "in front of the service speak HTTP/1.1 to it."
        )


def write_csv(
    documents: Iterable[RowDocument], out: BinaryIO, *, final: bool = False, fields: Sequence[str] | None = None
) -> None:
    """The same as the service's own CSV; ``error`` is the code. With ``final`` a person's answer stands in the place
    of the model's. ``fields`` are the columns of form pages. Raises what ``documents`` raises."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(COLUMNS if fields is None else _page_columns(fields))
        for row in documents:
            if fields is not None:
                writer.writerow([_harmless(cell) for cell in _page_cells(row, fields, final=final)])
                continue
            name = _harmless_name(row["name"])
            said = row.get("correction") if final else None
            if said:
                by = ["person", _harmless_name(said.get("by_name") or "")]
                writer.writerow([row["index"], name, said["status"], said["prediction"], None, None, None, *by])
                continue
            error = row["error"]["code"] if row["error"] else None
            answer = [row["status"], row["prediction"], row["confidence"], error, row.get("reason")]
            writer.writerow([row["index"], name, *answer, None if row["error"] else "model", None])
    finally:
        text.detach()


def _page_columns(fields: Sequence[str]) -> list[str]:
    return [*PAGE_COLUMNS, *fields, *(name for name in LAST_PAGE_COLUMNS if name not in fields)]


def _page_cells(row: RowDocument, names: Sequence[str], *, final: bool) -> list[Any]:
    """The cells of a form page."""
    fields, template = row.get("fields") or {}, row.get("template")
    said = {name: field["correction"] for name, field in fields.items() if final and field["correction"]}
    doubtful = [name for name, field in fields.items() if field["status"] in ("review", "failed") and name not in said]
    status = "recognized" if row["status"] == "review" and not doubtful else row["status"]
    values = [said[name]["prediction"] if name in said else fields.get(name, {}).get("value") for name in names]
    label = f"{template['name']}@{template['version']}" if template else None
    error = row["error"]["code"] if row["error"] else None
    people = dict.fromkeys(each.get("by_name") for each in said.values())
    last = {
        "error": error,
        "review": " ".join(doubtful) or None,
        "answered_by": "person" if said else None if row["error"] else "model",
        "answered_by_name": "; ".join(name for name in people if name) or None,
        "copy_of": row["copy_of"]["index"] if row.get("copy_of") else None,
        "form_set": row["form"]["set"] if row.get("form") else None,
    }
    behind = [last[name] for name in LAST_PAGE_COLUMNS if name not in names]
    return [row["index"], row["name"], status, label, *values, *behind]


def _harmless_name(name: str) -> str:
    return f"'{name}" if name.startswith(FORMULA_STARTS) else name


def _harmless(cell: Any) -> Any:
    text = isinstance(cell, str) and cell.startswith(FORMULA_STARTS) and not NUMBER.fullmatch(cell)
    return f"'{cell}" if text else cell


def write_ndjson(documents: Iterable[RowDocument], out: BinaryIO) -> None:
    """The service's own row documents, one a line. Raises what ``documents`` raises."""
    for row in documents:
        out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
