"""Errors as answers: the only file that knows HTTP statuses. Each is application/problem+json (RFC 9457)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

import apiflask
import structlog
from flask import Flask, Response, g, request
from flask_limiter import RateLimitExceeded
from gunicorn.http.errors import ParseException
from limits.errors import StorageError
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from digitmill import errors
from digitmill.domain.documents import title_of, type_of
from digitmill.errors import DigitmillError, FieldError
from web.context import context
from web.documents.options import bad_input
from web.documents.schemas import Problem
from web.server.bounded import TooSlow

PROBLEM = "application/problem+json"

STATUSES: Mapping[type[DigitmillError], HTTPStatus] = {
    DigitmillError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.UploadRefused: HTTPStatus.BAD_REQUEST,
    errors.EmptyUpload: HTTPStatus.BAD_REQUEST,
    errors.BadOptions: HTTPStatus.BAD_REQUEST,
    errors.UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UploadTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.TooManyImages: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.CorruptArchive: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NoImages: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SourceFailed: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.Unauthorized: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.RateLimited: HTTPStatus.TOO_MANY_REQUESTS,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Expired: HTTPStatus.GONE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.RowChanged: HTTPStatus.PRECONDITION_FAILED,
    errors.ServiceUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ItemFailure: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ModelNotFound: HTTPStatus.NOT_FOUND,
    errors.BadTemplate: HTTPStatus.BAD_REQUEST,
    errors.TemplateNotFound: HTTPStatus.NOT_FOUND,
}
"""A class without a row has that of its nearest parent."""

INTERNAL_ERROR = "internal_error"
HTTP_CODES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: errors.UploadTooLarge.code}
HTTP_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this address; /docs lists the calls.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This address does not take this method; the Allow header says which it takes.",
}

_log = structlog.get_logger(__name__)


def status_of(kind: type[DigitmillError]) -> HTTPStatus:
    return next(STATUSES[parent] for parent in kind.__mro__ if parent in STATUSES)


def init_errors(app: Flask) -> None:
    """Answer every error of any kind as a problem, without its traces."""
    app.register_error_handler(DigitmillError, _digitmill_error)
    app.register_error_handler(apiflask.HTTPError, _validation_error)
    app.register_error_handler(RateLimitExceeded, _rate_limit_exceeded)
    app.register_error_handler(StorageError, _limiter_storage_error)
    app.register_error_handler(HTTPException, http_problem)
    app.register_error_handler(ParseException, _broken_body)
    app.register_error_handler(TooSlow, _broken_body)
    app.register_error_handler(Exception, _unexpected_error)


def problem_document(status: int, code: str, detail: str, faults: Sequence[FieldError] = ()) -> bytes:
    """The body of a problem."""
    problem: Problem = {
        "type": type_of(code),
        "title": title_of(code),
        "status": int(status),
        "detail": detail,
        "code": code,
    }
    if faults:
        problem["errors"] = [{"field": fault.field, "message": fault.message} for fault in faults]
    return json.dumps(problem).encode()


def problem_response(status: int, code: str, detail: str, faults: Sequence[FieldError] = ()) -> Response:
    return Response(problem_document(status, code, detail, faults), status=int(status), content_type=PROBLEM)


def _digitmill_error(error: Exception) -> Response:
    assert isinstance(error, DigitmillError)
    status = status_of(type(error))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("request_not_served", code=error.code, reason=error.detail)
    code = error.failure.value if isinstance(error, errors.ItemFailure) else error.code
    response = problem_response(status, code, error.detail, error.errors)
    if isinstance(error, errors.ServiceUnavailable | errors.RateLimited):
        context().metrics.refuse(error.code)
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, errors.Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="digitmill"'
    return response


def _validation_error(error: Exception) -> Response:
    """APIFlask's own error: a query or a header that does not fit its model."""
    if isinstance(error.__cause__, ValidationError):
        return _digitmill_error(bad_input(error.__cause__))
    return _unexpected_error(error)


def _rate_limit_exceeded(error: Exception) -> Response:
    assert isinstance(error, RateLimitExceeded)
    return _digitmill_error(
        errors.RateLimited(
            f"More than {error.limit.limit.amount} requests in a minute; wait before the next one.",
            retry_after=g.get("limit_resets_in", 1),
        )
    )


def _limiter_storage_error(error: Exception) -> Response:
    _log.warning("rate_limits_not_reachable", reason=str(error))
    return _digitmill_error(errors.StorageUnavailable("The job store does not answer; try again in a moment."))


def http_problem(error: Exception) -> Response:
    """The answer to what Flask itself refused: no such address, no such method, too large a body."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    code = HTTP_CODES.get(status, error.name.lower().replace(" ", "_"))
    response = problem_response(status, code, HTTP_DETAILS.get(status, error.description or error.name))
    for name, value in error.get_headers(request.environ):
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    return response


def _broken_body(error: Exception) -> Response:  # noqa: ARG001
    """A body that is framed wrongly, or that came too slowly, where a form or its like was read."""
    return problem_response(HTTPStatus.BAD_REQUEST, "bad_request", "The body broke off or is framed wrongly.")


def _unexpected_error(error: Exception) -> Response:
    _log.error("request_failed", method=request.method, path=request.path, exc_info=error)
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        INTERNAL_ERROR,
        f"The server failed on this request; its log says why, under the request id {g.get('request_id', 'unknown')}.",
    )
