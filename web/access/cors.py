"""Pages of other sites that may call the API from a browser: those of the origins that a setting names (CORS)."""

from __future__ import annotations

from flask import Flask, Response, request

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
SENT = (
    "Authorization, Content-Type, Content-Encoding, Idempotency-Key, Prefer, If-Match, If-None-Match, If-Range, Range, "
    "Last-Event-ID, X-Request-Id"
)
SHOWN = (
    "Location, Retry-After, ETag, Preference-Applied, Content-Disposition, Content-Range, Accept-Ranges, "
    "RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, X-Request-Id, Digitmill-Rows"
)
REMEMBERED_SECONDS = 600


def init_cors(app: Flask, origins: frozenset[str]) -> None:
    """Answer preflights, before a key is asked, and name the origin in every answer of the API to one of ``origins``.

    Cookies are not let through: such a page sends a key.
    """

    @app.before_request
    def answer_preflight() -> Response | None:
        if not _is_preflight() or not _allowed(origins):
            return None
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = SENT
        response.headers["Access-Control-Max-Age"] = str(REMEMBERED_SECONDS)
        return response

    @app.after_request
    def name_origin(response: Response) -> Response:
        if not origins or not _is_api():
            return response
        response.vary.add("Origin")
        if _allowed(origins):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = SHOWN
        return response


def _is_preflight() -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def _allowed(origins: frozenset[str]) -> bool:
    return _is_api() and request.headers.get("Origin") in origins


def _is_api() -> bool:
    return request.path.startswith("/v1/") or request.path == "/openapi.json"
