"""Answers of the API as Flask responses."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flask import Response, request

from digitmill.domain.documents import row_document
from digitmill.domain.rows import Row
from web.server.connection import streams
from web.server.waiting import Slot

JSON = "application/json"
GZIP_LEVEL = 1
"""Rows shrink to a quarter; by the slowest level to a fifth, in five times the time."""
LEAST_BYTES = 1000
"""Less is not worth packing."""


def json_answer(document: Mapping[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(document, separators=(",", ":")), status=status, content_type=JSON)


def row_answer(row: Row) -> Response:
    """A row, with its revision as the ETag that a change of it names."""
    document = row_document(row)
    response = json_answer(document)
    response.headers["ETag"] = f'"{document["revision"]}"'
    return response


def stream_answer(pieces: Iterable[bytes], content_type: str, slot: Slot) -> Response:
    """``slot`` is released when the answer is over, also when it never began or the client hung up."""
    response = Response(pieces, content_type=content_type)
    streams(request.environ)
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(slot.release)
    return response


def compressed(response: Response) -> Response:
    """By gzip where the client takes it, piece by piece where it is a stream.

    Its ETag is then a weak one, for its bytes are others, of which no range can be had.
    """
    response.vary.add("Accept-Encoding")
    if not request.accept_encodings["gzip"] or response.status_code != 200:
        return response
    if response.is_streamed:
        response.response = _packed(response.iter_encoded())
    elif (response.content_length or 0) < LEAST_BYTES:
        return response
    else:
        response.set_data(gzip.compress(response.get_data(), GZIP_LEVEL))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("Accept-Ranges", None)
    etag, _ = response.get_etag()
    if etag is not None:
        response.set_etag(etag, weak=True)
    return response


def with_ranges(response: Response, size: int | None) -> Response:
    """The answer as the present request asks for it by ETag and ``Range``, out of ``size`` bytes.

    Units that are not known are passed over as RFC 9110 asks (14.2), and so are several ranges at once.
    """
    environ = request.environ
    if not is_one_range(request.headers.get("Range", "")):
        environ = {name: value for name, value in environ.items() if name != "HTTP_RANGE"}
    response.make_conditional(environ, accept_ranges=True, complete_length=size)
    return response


def is_one_range(header: str) -> bool:
    unit, _, ranges = header.partition("=")
    return unit.strip().lower() == "bytes" and "," not in ranges


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)
    for piece in pieces:
        # whoever follows a running job is to see each piece now
        yield packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
    yield packer.flush()
