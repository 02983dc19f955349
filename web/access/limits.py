"""How many requests a caller may make in a minute, counted in the service's own Redis, and told on every answer."""

from __future__ import annotations

import math
import time
from typing import Any

import structlog
from flask import Flask, Response, g, request
from flask_limiter import Limiter, RequestLimit
from limits.errors import StorageError

from digitmill.addresses import SentinelAddress
from digitmill.settings import Settings
from web.context import caller

KEY_PREFIX = "dm:limits"

_log = structlog.get_logger(__name__)


def init_limits(app: Flask, settings: Settings) -> None:
    """Count requests to /v1: by key where the key has a quota of them, else by owner, where the settings set a limit.
    Comes after authentication."""

    def most() -> int:
        # pages have no caller, and no limit
        return settings.rate_limit if "caller" not in g else caller().quotas.requests_a_minute or settings.rate_limit

    def whose() -> str:
        own = caller().quotas.requests_a_minute is not None
        return f"key:{caller().key_id}" if own else caller().owner

    limiter = Limiter(
        whose,
        application_limits=[lambda: f"{max(1, most())} per minute"],
        storage_uri=_storage_uri(settings),
        storage_options=_storage_options(settings),
        strategy="fixed-window",
        on_breach=_note_reset,
    )
    limiter.request_filter(lambda: not request.path.startswith("/v1") or most() == 0)
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


def connections_of(settings: Settings) -> int:
    """Connections to Redis that the threads of a web process may have at a time, and a few that it has besides."""
    return 2 * settings.web_threads + 16


def _storage_uri(settings: Settings) -> str:
    url = settings.redis_url or "memory://"
    if (sentinels := SentinelAddress.parse(url)) is not None:
        return f"redis+sentinel://{','.join(sentinels.hosts_with_ports)}/{sentinels.name}"
    # the package's own word for a socket
    return f"redis+{url}" if url.startswith("unix://") else url


def _storage_options(settings: Settings) -> dict[str, Any]:
    if settings.redis_url is None:
        return {}
    options = {
        "key_prefix": KEY_PREFIX,
        "wrap_exceptions": True,
        "socket_timeout": 1,
        "socket_connect_timeout": 1,
        "max_connections": connections_of(settings),
    }
    if (sentinels := SentinelAddress.parse(settings.redis_url)) is not None:
        options |= {"use_replicas": False, "sentinel_kwargs": sentinels.of_sentinels, "db": sentinels.database}
        # the package takes those of an address as they are written, percent signs and all
        options |= {"username": sentinels.username, "password": sentinels.password}
        if sentinels.tls:
            options |= {"ssl": True, **sentinels.certificates}
    return options


def _tell(response: Response, limit: RequestLimit) -> None:
    """The header fields of draft-ietf-httpapi-ratelimit-headers-03; the time is in seconds from now.

    Those that flask-limiter would set have a time of the clock there, and overwrite Retry-After.
    """
    response.headers["RateLimit-Limit"] = str(limit.limit.amount)
    response.headers["RateLimit-Remaining"] = str(limit.remaining)
    response.headers["RateLimit-Reset"] = str(seconds_until(limit.reset_at))


def seconds_until(reset_at: float) -> int:
    """Whole seconds until a count begins again, and one more, since ``reset_at`` is rounded: whoever waits for so long
    is never too early."""
    return max(1, math.ceil(reset_at - time.time()) + 1)


def _note_reset(limit: RequestLimit) -> None:
    g.limit_resets_in = seconds_until(limit.reset_at)
