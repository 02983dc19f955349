"""Who asks. With an admin key set, every call to /v1 and /metrics must carry it; without one, none is asked."""

from __future__ import annotations

import hashlib
import hmac

from flask import Flask, g, request

from digitmill.errors import SettingsError, Unauthorized
from digitmill.settings import Settings

LOCAL_OWNER = "local"
SCHEME = "bearer"


def require_safe_address(settings: Settings) -> None:
    """Raise SettingsError when other machines could reach a server that asks for no key."""
    if settings.admin_key is None and not settings.on_loopback:
        raise SettingsError(
            f"DIGITMILL_HOST is {settings.host}, which other machines can reach, and no key is asked. "
            "Set DIGITMILL_ADMIN_KEY, or listen on 127.0.0.1."
        )


def init_auth(app: Flask, settings: Settings) -> None:
    """Let only callers with the key through, and note who owns what they make."""
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    expected = hashlib.sha256(key.encode()).digest() if key is not None else b""

    @app.before_request
    def authenticate() -> None:
        if not needs_key(request.path):
            return
        if key is None:
            g.owner = LOCAL_OWNER
            return
        # digests have one length, so the comparison tells nothing about the key
        sent = hashlib.sha256(_sent_key().encode("utf-8", "surrogateescape")).digest()
        if not hmac.compare_digest(sent, expected):
            raise Unauthorized("Send a valid key as `Authorization: Bearer <key>`.")
        g.owner = sent.hex()[:16]


def needs_key(path: str) -> bool:
    """Pages, probes and the API's description are for everybody."""
    return path == "/v1" or path.startswith("/v1/") or path.rstrip("/") == "/metrics"


def _sent_key() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == SCHEME else ""
