"""The models, and the card of each: how good it is, and what it learned from."""

from __future__ import annotations

from flask import Response

from digitmill.errors import ModelNotFound
from digitmill.models.manifest import Manifest
from web.context import service
from web.pages.drop import expected
from web.pages.layout import page, page_blueprint

models_pages = page_blueprint("models")


@models_pages.get("/models")
def show_models() -> Response:
    shown = [(manifest, expected(manifest)) for manifest in service().registry.list()]
    return page("models.html", models=shown[::-1], default=_default())


@models_pages.get("/models/<name>/<version>")
def show_model(name: str, version: str) -> Response:
    manifest = service().registry.get(name, version)
    return page("model.html", model=manifest, expected=expected(manifest), default=_default())


def _default() -> Manifest | None:
    try:
        return service().registry.default()
    except ModelNotFound:
        return None
