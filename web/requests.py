"""What happens around every request: the limit on its body where no key is asked, its id, count, log line, and the
security headers of its answer."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import LengthRequired, RequestEntityTooLarge

from web.access.auth import needs_key
from web.context import context

REQUEST_ID = "X-Request-Id"
SOUND_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

FORM_BYTES = 64 << 10
"""The most that a page's form may have."""

PAGE_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_log = structlog.get_logger(__name__)


def init_requests(app: Flask) -> None:
    """Register the hooks; first of all hooks, so that every answer passes through them last."""

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()
        sent = request.headers.get(REQUEST_ID, "")
        g.request_id = sent if SOUND_ID.fullmatch(sent) else uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request=g.request_id)

    @app.before_request
    def bound_body() -> None:
        if needs_key(request.path):
            # whoever reads a body there counts its bytes, and reads nothing before the key
            return
        if "Transfer-Encoding" in request.headers:
            raise LengthRequired("Send the form with its Content-Length, not in chunks.")
        if (request.content_length or 0) > FORM_BYTES:
            raise RequestEntityTooLarge(f"A form may have {FORM_BYTES:,} bytes.")
        request.max_content_length = FORM_BYTES

    @app.after_request
    def end(response: Response) -> Response:
        ours = {REQUEST_ID: g.request_id, **SECURITY_HEADERS}
        if request.path.startswith("/v1"):
            ours["Cache-Control"] = "no-store"
        # setdefault() of werkzeug takes ten times as long
        there = {name for name, _ in response.headers}
        for name, value in ours.items():
            if name not in there:
                response.headers.add(name, value)
        seconds = time.monotonic() - g.began
        route = request.url_rule.rule if request.url_rule else "none"
        context().metrics.count(request.method, route, response.status_code, seconds)
        _log.debug("request", method=request.method, path=request.path, status=response.status_code, seconds=seconds)
        return response
