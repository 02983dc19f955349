"""A span for each request to the API, where traces are sent anywhere."""

from __future__ import annotations

from apiflask import APIFlask
from flask import Response, g, request

from digitmill.system import tracing
from digitmill.system.tracing import Span, SpanKind

SERVER_ERRORS = 500


def init_traces(app: APIFlask) -> None:
    app.before_request(_begin)
    app.after_request(_end)
    app.teardown_request(_leave)


def _begin() -> None:
    parent = request.headers.get("traceparent")
    if tracing.on() and request.path.startswith("/v1/") and tracing.sampled(parent):
        g.span = Span.begin(request.method, SpanKind.SERVER, parent)
        tracing.enter(g.span)


def _end(response: Response) -> Response:
    span: Span | None = g.pop("span", None)
    if span is not None:
        route = request.url_rule.rule if request.url_rule is not None else "none"
        span.name = f"{request.method} {route}"
        span.attributes = {
            "http.request.method": request.method,
            "http.route": route,
            "http.response.status_code": response.status_code,
        }
        span.failed = response.status_code >= SERVER_ERRORS
        tracing.end(span)
    return response


def _leave(_: BaseException | None) -> None:
    # the thread answers others after this
    tracing.enter(None)
