"""What all pages share: who may see them, how they are rendered, and the words in which they say what went wrong."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

from apiflask import APIBlueprint, APIFlask
from babel import Locale
from flask import Response, g, redirect, render_template, request
from flask_babel import Babel, get_locale, gettext
from markupsafe import Markup, escape

from digitmill.domain.access import Scope
from digitmill.errors import DigitmillError, Forbidden, RateLimited, ServiceUnavailable, Unauthorized
from digitmill.keys import ADMIN
from web.access.auth import identify
from web.access.sessions import COOKIE, csrf_token
from web.context import service
from web.errors import http_problem, status_of
from web.pages.refusals import refusal
from web.requests import PAGE_POLICY

LANGUAGES = {"en": "English", "ja": "日本語", "ru": "Русский"}
ENGLISH = "en"
LANGUAGE_COOKIE = "digitmill_language"
HTML = "text/html; charset=utf-8"


def init_pages(app: APIFlask) -> None:
    """Texts in the reader's language, and what templates may call."""
    Babel(
        app,
        default_locale=ENGLISH,
        default_translation_directories=str(Path(app.root_path) / "translations"),
        locale_selector=_language,
    )
    app.add_template_filter(code)
    app.context_processor(_signed_in)
    app.register_error_handler(HTTPStatus.NOT_FOUND, _nothing_here)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # `tojson` keeps the order of names, such as that of a form's fields, instead of sorting them
    app.jinja_env.policies["json.dumps_kwargs"] = {"sort_keys": False}


def page_blueprint(name: str, *, for_everybody: bool = False) -> APIBlueprint:
    """A blueprint of pages that ask for a sign-in where the service asks for keys, and tell errors as pages."""
    blueprint = APIBlueprint(f"{name}_pages", __name__, enable_openapi=False)
    if not for_everybody:
        blueprint.before_request(_require_sign_in)
    blueprint.register_error_handler(DigitmillError, _error_page)
    return blueprint


def page(template: str, status: int = 200, **values: Any) -> Response:
    response = Response(render_template(template, **values), status=status, content_type=HTML)
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    response.headers["Cache-Control"] = "no-store"
    return response


def code(text: str) -> Markup:
    """Words between backticks as code."""
    parts = enumerate(text.replace("``", "`").split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in parts)


def next_page() -> str:
    """The page of ours that somebody wanted to see; never an address elsewhere."""
    wanted = request.values.get("next", "/")
    own = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if own else "/"


def to(address: str) -> Response:
    """Lead the browser there, with a GET."""
    response = redirect(address, HTTPStatus.SEE_OTHER)
    assert isinstance(response, Response)
    return response


def _language() -> str | None:
    """The one that was chosen in the footer, or else the one that the browser likes best."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES)


def _require_sign_in() -> Any:
    """A redirect to the sign-in for whoever is not signed in, or else nothing."""
    try:
        g.caller = identify(service().keys)
    except Unauthorized:
        here = request.full_path.rstrip("?")
        return redirect(f"/sign-in?next={quote(here)}", HTTPStatus.SEE_OTHER)
    if not g.caller.may(Scope.READ):
        raise Forbidden("This page asks for a key with the scope `read`, which yours lacks.")
    return None


def person_of(key_id: str, key_name: str) -> str:
    """What the pages call the holder of a key: the admin's has the name of a setting."""
    return gettext("Administrator") if key_id == ADMIN else key_name


def _signed_in() -> dict[str, Any]:
    """For templates: the name and the id of the key that somebody signed in with, the token of their forms, and
    whether webhooks are theirs to register."""
    locale = get_locale() or Locale(ENGLISH)
    caller = g.get("caller")
    token = request.cookies.get(COOKIE)
    signed_in = caller is not None and token is not None and service().keys.asked()
    return {
        "language": str(locale).replace("_", "-"),
        "languages": LANGUAGES,
        "signed_in_as": person_of(caller.key_id, caller.key_name) if signed_in and caller is not None else None,
        "csrf": csrf_token(token) if signed_in and token is not None else "",
        "may_register": caller is not None and caller.may(Scope.READ) and caller.may(Scope.SUBMIT),
        "person": caller.key_id if signed_in and caller is not None else "",
    }


def _nothing_here(error: Exception) -> Response:
    """A page for whoever followed a wrong link in a browser; programs get a problem."""
    wanted = request.accept_mimetypes
    if request.path.startswith("/v1/") or wanted.quality("text/html") <= wanted.quality("application/json"):
        return http_problem(error)
    status = HTTPStatus.NOT_FOUND
    return page("error.html", status, title=_title(status), detail=gettext("No page of this service has this address."))


def _error_page(error: DigitmillError) -> Response:
    status = status_of(type(error))
    again = request.full_path.rstrip("?") if isinstance(error, ServiceUnavailable) else None
    response = page("error.html", status, title=_title(status), detail=refusal(error), again=again)
    if isinstance(error, ServiceUnavailable | RateLimited):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _title(status: HTTPStatus) -> str:
    titles: dict[HTTPStatus, str] = {
        HTTPStatus.FORBIDDEN: gettext("Not allowed"),
        HTTPStatus.NOT_FOUND: gettext("Nothing is here"),
        HTTPStatus.GONE: gettext("No longer here"),
        HTTPStatus.SERVICE_UNAVAILABLE: gettext("Not available at the moment"),
    }
    return titles.get(status, status.phrase)
