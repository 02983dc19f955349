"""Pages for people: what this is, and the documentation of the API, made from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, render_template, request
from markupsafe import Markup, escape

from web.documentation import document_for_people
from web.requests import PAGE_POLICY

pages = APIBlueprint("pages", __name__, enable_openapi=False)


@pages.app_template_filter("code")
def code(text: str) -> Markup:
    """Words between backticks as code."""
    parts = enumerate(text.replace("``", "`").split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if odd % 2 else escape(part) for odd, part in parts)


@pages.get("/")
def index() -> Response:
    return _page("index.html", root=request.root_url.rstrip("/"))


@pages.get("/docs")
def docs() -> Response:
    return _page("docs.html", docs=document_for_people(current_app.spec))  # type: ignore[attr-defined]


def _page(template: str, **values: Any) -> Response:
    response = Response(render_template(template, **values), content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = PAGE_POLICY
    return response
