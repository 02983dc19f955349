"""Who asks, and what they may do. Once there is a key, /v1 and /metrics ask for one with the scope of the call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flask import Flask, current_app, g, request

from digitmill.domain.access import Caller, Scope
from digitmill.errors import DigitmillError, Forbidden, StorageUnavailable, StoreReplaced, Unauthorized
from digitmill.keys import LOCAL, Keys
from digitmill.settings import Settings
from digitmill.store.redis_mark import StoreMark
from digitmill.system.telemetry import audit
from web.access.sessions import COOKIE, caller_of_cookie, require_this_machine

SCHEME = "bearer"
METRICS = "/metrics"
HEALTH = "/healthz"
SUBMISSION = ("POST", "/v1/jobs")
SCOPE = "scope"
"""The attribute of a view that names the scope it asks for."""


def ask_scope(view: Callable[..., Any], scope: Scope) -> None:
    """Let ``view`` be called only with a key that has this scope."""
    setattr(view, SCOPE, scope)


def init_auth(
    app: Flask,
    settings: Settings,
    keys: Keys,
    mark: StoreMark | None,
    refuse: Callable[[Unauthorized, bool], None],
) -> None:
    """Let only callers with a key through, note who they are, and hold them to its scopes.

    ``refuse`` is called with why a request is refused, and whether it came with a key at all.
    """
    may_scrape_blindly = settings.admin_key is None and settings.on_loopback

    @app.before_request
    def authenticate() -> None:
        if mark is not None:
            _make_sure_of(mark)
        if not needs_key(request.path):
            return
        try:
            g.caller = identify(keys)
        except Unauthorized as error:
            refuse(error, bool(_sent_key() or COOKIE in request.cookies))
            raise
        except StorageUnavailable:
            # who watches the service needs the figures most when Redis is away; only this machine can ask for them
            if not (may_scrape_blindly and _is_metrics(request.path)):
                raise
            g.caller = LOCAL
        scope = _scope_of_call()
        if scope is not None and not g.caller.may(scope):
            detail = f"This call asks for a key with the scope `{scope}`, which yours lacks."
            tell_of_refusal(g.caller.key_id, g.caller.key_name, detail)
            raise Forbidden(detail)


def identify(keys: Keys) -> Caller:
    """Who sends the present request: by the key in it, or else by the cookie of a browser that signed in.

    Raises:
        Unauthorized: nobody that is known.
        Forbidden: a browser's change that does not come from one of our pages; another site's page, where no key is
            asked.
        StorageUnavailable: the key store does not answer.
    """
    # a browser may still send the cookie of another service on this machine, where none is asked
    if COOKIE in request.cookies and "Authorization" not in request.headers and keys.asked():
        return caller_of_cookie(keys)
    caller = keys.identify(_sent_key())
    if caller is LOCAL:
        require_this_machine()
    return caller


def needs_key(path: str) -> bool:
    """Pages, probes and the API's description are for everybody."""
    return path == "/v1" or path.startswith("/v1/") or _is_metrics(path)


def _make_sure_of(mark: StoreMark) -> None:
    """Refuse every call but those that watch the service, where the store is not the one that uploads belong to.

    Where that cannot be told, since the store does not answer, calls that need it fail by themselves.
    """
    if _is_watching():
        return
    with suppress(StorageUnavailable):
        mark.check()


@contextmanager
def sure_of(mark: StoreMark | None) -> Iterator[None]:
    """Around a call: one that names no job, such as a list, finds nothing in a store that was emptied, and would not
    know. So no earlier look counts for it, and another one follows. A new job is held against the store by the script
    that records it.

    Raises:
        StoreReplaced: it is not the store that the uploads belong to, before or after.
    """
    if mark is None or _is_watching() or not _finds_nothing_unawares():
        yield
        return
    # calls that need a store which does not answer fail by themselves
    with suppress(StorageUnavailable):
        mark.check_again()
    yield
    with suppress(StorageUnavailable):
        mark.check_again()


def looked_into(error: DigitmillError, mark: StoreMark | None) -> DigitmillError:
    """``error``, which says that a job or a key is not there; or that the store was replaced since the last look, or
    is gone by now, so that nobody can tell. Where ``error`` says itself that it comes of another store, no later look
    counts: the right one may be back since."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StoreReplaced):
            return cause
        cause = cause.__cause__
    try:
        if mark is not None:
            mark.check(now=True)
    except (StoreReplaced, StorageUnavailable) as otherwise:
        return otherwise
    return error


def tell_of_refusal(key_id: str | None, key_name: str | None, reason: str) -> None:
    audit("refused", key=key_id, key_name=key_name, client=request.remote_addr, reason=reason)


def _is_watching() -> bool:
    """Whether the call watches the service, or is for a file of the pages."""
    return request.path == HEALTH or _is_metrics(request.path) or request.endpoint == "static"


def _finds_nothing_unawares() -> bool:
    """Whether some view answers the call, and neither names a job nor makes one."""
    names_a_job = "job_id" in (request.view_args or {})
    return request.url_rule is not None and not names_a_job and (request.method, request.path) != SUBMISSION


def _is_metrics(path: str) -> bool:
    return path.rstrip("/") == METRICS


def _scope_of_call() -> Scope | None:
    """None where nothing answers the call, so that it is told as not found."""
    if request.endpoint is None:
        return None
    scope: Scope = getattr(current_app.view_functions[request.endpoint], SCOPE, Scope.ADMIN)
    return scope


def _sent_key() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == SCHEME else ""
