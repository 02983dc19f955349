"""The documentation of the API, made from its OpenAPI document."""

from __future__ import annotations

from flask import Response, current_app

from web.documentation import document_for_people
from web.pages.layout import page, page_blueprint

documentation = page_blueprint("documentation", for_everybody=True)


@documentation.get("/docs")
def docs() -> Response:
    return page("docs.html", docs=document_for_people(current_app.spec))  # type: ignore[attr-defined]
