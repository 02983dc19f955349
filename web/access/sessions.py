"""Browsers that are signed in: their cookie, and the token that shows that a change comes from one of our pages."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import urlsplit

from flask import Response, request

from digitmill.domain.access import Caller
from digitmill.errors import Forbidden
from digitmill.keys import SESSION_SECONDS, Keys
from digitmill.settings import is_loopback
from web.context import service

COOKIE = "digitmill_session"
CSRF_HEADER = "X-CSRF-Token"
CSRF_FIELD = "csrf_token"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_SITES = frozenset({"same-origin", "none"})


def caller_of_cookie(keys: Keys) -> Caller:
    """Who the cookie says is here.

    Raises:
        Unauthorized: the cookie stands for nobody, or no longer.
        Forbidden: the request would change something, and does not show that it comes from one of our pages.
    """
    token = request.cookies[COOKIE]
    caller = keys.signed_in(token)
    if request.method not in SAFE_METHODS:
        sent = request.form.get(CSRF_FIELD, "") if _is_form() else request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(sent.encode(), csrf_token(token).encode()):
            raise Forbidden(f"Send the {CSRF_HEADER} of the page that you are on; load the page again.")
    return caller


def csrf_token(token: str) -> str:
    """What only a page that this browser loaded from here can know. Hex, 64 characters."""
    return hmac.new(token.encode(), b"csrf", hashlib.sha256).hexdigest()


def require_own_site() -> None:
    """Refuse a form that another site sends: signing in has no cookie yet that could be checked.

    Raises:
        Forbidden: the browser says that the form is another site's.
    """
    if _from_another_site():
        raise Forbidden("Sign in on the page of this service, not on another site's.")


def require_this_machine() -> None:
    """Where no key is asked, let no page of another site act through the browser of who sits here.

    Such a page can send forms to this machine; and it can read what it gets where its own name comes to lead to this
    machine (DNS rebinding), which the name in the request tells.

    Raises:
        Forbidden: the request is such a page's.
    """
    try:
        host = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        host = ""
    if not is_loopback(host):
        raise Forbidden("No key is asked here, so only http://127.0.0.1 and http://localhost are answered: make a key.")
    if request.method not in SAFE_METHODS and _from_another_site() and not _from_named_origin():
        raise Forbidden("No key is asked here, so no page of another site is answered: make a key.")


def remember(response: Response, token: str) -> None:
    response.set_cookie(
        COOKIE, token, max_age=SESSION_SECONDS, httponly=True, samesite="Strict", secure=_behind_https()
    )  # fmt: skip


def forget(response: Response) -> None:
    response.delete_cookie(COOKIE, httponly=True, samesite="Strict", secure=_behind_https())


def _behind_https() -> bool:
    # who lies here makes only their own cookie stricter, so the header needs no proof
    forwarded = request.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
    return request.is_secure or forwarded == "https"


def _from_another_site() -> bool:
    """Whether the browser says so; other programs say nothing of the kind."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        return site not in OWN_SITES
    return origin is not None and origin != request.host_url.rstrip("/")


def _from_named_origin() -> bool:
    return request.headers.get("Origin") in service().settings.cors_allowed


def _is_form() -> bool:
    """A page's own form. An upload's body is never parsed here."""
    return request.mimetype == "application/x-www-form-urlencoded" and not request.path.startswith("/v1/")
