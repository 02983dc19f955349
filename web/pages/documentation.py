"""The OpenAPI document, and the documentation of the API that is made from it.

Both are open to everybody and cost much to make: a process makes them once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, cast

from apiflask import APIFlask
from flask import Response, current_app, render_template, request
from markupsafe import Markup

from web.documents.documentation import document_for_people
from web.documents.openapi import JSON
from web.pages.layout import page, page_blueprint

documentation = page_blueprint("documentation", for_everybody=True)

EXTENSION = "digitmill_documents"
EXAMPLES = ("curl", "python", "javascript")


class Documents:
    """What a process has made; ``create_app`` makes one for each application."""

    def __init__(self, app: APIFlask) -> None:
        self._app = app

    @cached_property
    def _openapi(self) -> Mapping[str, Any]:
        return cast(Mapping[str, Any], self._app.spec)

    @cached_property
    def openapi(self) -> bytes:
        """The OpenAPI document as JSON."""
        return self._app.json.dumps(self._openapi, separators=(",", ":")).encode()

    @cached_property
    def info(self) -> Mapping[str, str]:
        """``title``, ``version`` and ``description`` of the interface."""
        return {"description": "", **self._openapi["info"]}

    @cached_property
    def calls(self) -> Markup:
        """All calls, documents and errors as HTML; English, whatever the language of the page around it."""
        return Markup(render_template("docs_calls.html", docs=document_for_people(self._openapi)))  # noqa: S704


@documentation.get("/openapi.json")
def openapi() -> Response:
    return Response(_documents().openapi, content_type=JSON)


@documentation.get("/docs")
def docs() -> Response:
    root = request.root_url.rstrip("/")
    # they hold quotes, and are no HTML before the page makes them so
    examples = {name: render_template(f"example_{name}.txt", root=root) for name in EXAMPLES}
    return page("docs.html", info=_documents().info, calls=_documents().calls, examples=examples)


def _documents() -> Documents:
    documents: Documents = current_app.extensions[EXTENSION]
    return documents
