"""Choosing the language of the pages."""

from __future__ import annotations

from flask import Response, request

from web.access.sessions import require_own_site
from web.pages.layout import LANGUAGE_COOKIE, LANGUAGES, next_page, page_blueprint, to

YEAR_SECONDS = 365 * 86400

language = page_blueprint("language", for_everybody=True)


@language.post("/language")
def choose_language() -> Response:
    require_own_site()
    response = to(next_page())
    chosen = request.form.get("language")
    if chosen in LANGUAGES:
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=YEAR_SECONDS, httponly=True, samesite="Lax")
    return response
