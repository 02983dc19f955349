"""How many requests a caller may make in a minute, counted in the service's own Redis."""

from __future__ import annotations

from flask import Flask, g, request
from flask_limiter import Limiter, RequestLimit

from digitmill.settings import Settings
from web.context import owner

KEY_PREFIX = "dm:limits"


def init_limits(app: Flask, settings: Settings) -> None:
    """Count requests to /v1 by owner, where the settings set a limit. Comes after authentication."""
    if settings.rate_limit == 0:
        return
    limiter = Limiter(
        owner,
        application_limits=[f"{settings.rate_limit} per minute"],
        application_limits_exempt_when=lambda: not request.path.startswith("/v1"),
        storage_uri=settings.redis_url or "memory://",
        storage_options=_storage_options(settings),
        strategy="fixed-window",
        on_breach=_note_reset,
    )
    limiter.init_app(app)


def _storage_options(settings: Settings) -> dict[str, str | int]:
    if settings.redis_url is None:
        return {}
    return {"key_prefix": KEY_PREFIX, "wrap_exceptions": True, "socket_timeout": 5, "socket_connect_timeout": 2}


def _note_reset(limit: RequestLimit) -> None:
    g.limit_resets_at = limit.reset_at
