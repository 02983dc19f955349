"""All rows of a job in one stream, which must never look complete when it is not.

The end of a stream is believed only if HTTP itself marked it and, for a stream of all rows, if as many rows
came as the job has finished. A stream that breaks off earlier is opened again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
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

COLUMNS = ("index", "name", "status", "prediction", "confidence", "error", "reason")

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


def write_csv(documents: Iterable[RowDocument], out: BinaryIO, *, final: bool = False) -> None:
    """The same as the service's own CSV; ``error`` is the code. With ``final`` a person's answer stands in the place
    of the model's. Raises what ``documents`` raises."""
    text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(COLUMNS)
        for row in documents:
            name = f"'{row['name']}" if row["name"].startswith(FORMULA_STARTS) else row["name"]
            said = row.get("correction") if final else None
            if said:
                writer.writerow([row["index"], name, said["status"], said["prediction"], None, None, None])
                continue
            error = row["error"]["code"] if row["error"] else None
            answer = [row["status"], row["prediction"], row["confidence"], error, row.get("reason")]
            writer.writerow([row["index"], name, *answer])
    finally:
        text.detach()


def write_ndjson(documents: Iterable[RowDocument], out: BinaryIO) -> None:
    """The service's own row documents, one a line. Raises what ``documents`` raises."""
    for row in documents:
        out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
