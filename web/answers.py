"""Answers of the API as Flask responses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from flask import Response, request

from digitmill.domain import Row
from web.connection import streams
from web.schemas import row_document
from web.waiting import Slot

JSON = "application/json"


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
