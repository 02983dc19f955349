"""Signing in with an API key, and out again. The key itself is not kept: the browser gets a token instead."""

from __future__ import annotations

from contextlib import suppress

from flask import Response, request
from flask_babel import gettext as _

from digitmill.errors import Unauthorized
from digitmill.system.telemetry import audit
from web.access.auth import identify
from web.access.refusals import refuse_key
from web.access.sessions import COOKIE, forget, remember, require_own_site
from web.context import service
from web.pages.layout import next_page, page, page_blueprint, to

sign_in = page_blueprint("sign_in", for_everybody=True)


@sign_in.get("/sign-in")
def show_sign_in() -> Response:
    if not service().keys.asked():
        return to(next_page())
    return page("sign_in.html", next=next_page())


@sign_in.post("/sign-in")
def open_session() -> Response:
    require_own_site()
    if not service().keys.asked():
        return to(next_page())
    try:
        token = service().keys.sign_in(request.form.get("key", "").strip())
    except Unauthorized as error:
        refuse_key(error, True)
        known = error.key_id is not None
        detail = error.detail if known else _("This is no key of this service. Look for spaces or missing characters.")
        return page("sign_in.html", 401, next=next_page(), problem=detail)
    caller = service().keys.signed_in(token)
    audit("sign_in", key=caller.key_id, key_name=caller.key_name, client=request.remote_addr)
    response = to(next_page())
    remember(response, token)
    return response


@sign_in.post("/sign-out")
def close_session() -> Response:
    response = to("/sign-in")
    if COOKIE in request.cookies:
        with suppress(Unauthorized):
            # another site's form is refused here
            identify(service().keys)
            service().keys.sign_out(request.cookies[COOKIE])
        forget(response)
    return response
