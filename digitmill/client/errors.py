"""What can go wrong between a caller and the service, in one tree.

ClientError
├── Unreachable          no answer came: refused, timed out, name unknown, connection lost
├── ServiceError         the service answered with a problem
│   ├── BadRequest       the upload or an option is not accepted; ``errors`` name the fields
│   ├── Unauthorized  NotFound  Conflict  Expired
│   └── Busy             come back later; ``retry_after`` says when, if the service did
├── BrokenStream         rows stopped coming before the last one
├── WaitTimeout          the job was not final in time, and goes on
└── UnexpectedAnswer     what answers is not Digitmill, or not a version that this client knows
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx


class ClientError(Exception):
    """Base of the tree.

    ``detail`` is the sentence for the user; ``code`` and ``status`` are those of the service's problem
    document (None where there was no answer); ``errors`` are its ``{"field", "message"}`` entries.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        code: str | None = None,
        errors: tuple[Mapping[str, str], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status
        self.code = code
        self.errors = errors
        self.retry_after = retry_after


class Unreachable(ClientError):
    pass


class ServiceError(ClientError):
    pass


class BadRequest(ServiceError):
    pass


class Unauthorized(ServiceError):
    pass


class NotFound(ServiceError):
    pass


class Conflict(ServiceError):
    pass


class Expired(ServiceError):
    pass


class Busy(ServiceError):
    pass


class BrokenStream(ClientError):
    pass


class WaitTimeout(ClientError):
    pass


class UnexpectedAnswer(ClientError):
    pass


BY_STATUS: Mapping[int, type[ServiceError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    410: Expired,
    412: Conflict,
    413: BadRequest,
    415: BadRequest,
    422: BadRequest,
    429: Busy,
    502: Busy,
    503: Busy,
    504: Busy,
}


def retry_after(response: httpx.Response) -> float | None:
    """The seconds of a ``Retry-After`` header; None without one, or where it holds a date."""
    try:
        return max(float(response.headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return None


def service_error(response: httpx.Response) -> ServiceError:
    """The error for an answer of 400 or above, whose body has been read."""
    kind = BY_STATUS.get(response.status_code, ServiceError)
    problem = _problem(response)
    url = response.request.url
    detail = problem.get("detail") or problem.get("title")
    if not detail:
        detail = f"{url} answered {response.status_code} {response.reason_phrase}."
    return kind(
        str(detail),
        status=response.status_code,
        code=problem.get("code"),
        errors=tuple(problem.get("errors") or ()),
        retry_after=retry_after(response),
    )


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
