"""How many requests a caller may make in a minute, counted in the service's own Redis, and told on every answer."""

from __future__ import annotations

import math
import time

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter, RequestLimit
from limits.errors import StorageError

from digitmill.settings import Settings
from web.context import owner

KEY_PREFIX = "dm:limits"

_log = structlog.get_logger(__name__)


def init_limits(app: Flask, settings: Settings) -> None:
    """Count requests to /v1 by owner, where the settings set a limit. Comes after authentication."""
    if settings.rate_limit == 0:
        return
    limiter = Limiter(
        owner,
        application_limits=[f"{settings.rate_limit} per minute"],
        application_limits_exempt_when=lambda: not request.path.startswith("/v1"),
        storage_uri=_storage_uri(settings),
        storage_options=_storage_options(settings),
        strategy="fixed-window",
        on_breach=_note_reset,
    )
    limiter.init_app(app)

    @app.after_request
    def tell(response: Response) -> Response:
        limit = limiter.current_limit
        if limit is not None:
            try:
                _tell(response, limit)
            except StorageError as error:
                # the request is served; that nobody counted can be left out
                _log.warning("rate_limits_not_reachable", reason=str(error))
        return response


def _storage_uri(settings: Settings) -> str:
    url = settings.redis_url or "memory://"
    # the package's own word for a socket
    return f"redis+{url}" if url.startswith("unix://") else url


def _storage_options(settings: Settings) -> dict[str, str | int]:
    if settings.redis_url is None:
        return {}
    return {"key_prefix": KEY_PREFIX, "wrap_exceptions": True, "socket_timeout": 5, "socket_connect_timeout": 2}


def _tell(response: Response, limit: RequestLimit) -> None:
    """The header fields of draft-ietf-httpapi-ratelimit-headers-03; the time is in seconds from now.

    Those that flask-limiter would set have a time of the clock there, and overwrite Retry-After.
    """
    response.headers["RateLimit-Limit"] = str(limit.limit.amount)
    response.headers["RateLimit-Remaining"] = str(limit.remaining)
    response.headers["RateLimit-Reset"] = str(max(0, math.ceil(limit.reset_at - time.time())))


def _note_reset(limit: RequestLimit) -> None:
    g.limit_resets_at = limit.reset_at
