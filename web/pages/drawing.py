"""Pages on which digits are drawn: one to see what the model makes of it, and sums to practise with."""

from __future__ import annotations

from flask import Response, request

from digitmill.models.registry import BUILT_IN_BOXES
from web.context import service
from web.pages import drawing_texts
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts

drawing_pages = page_blueprint("drawing")


@drawing_pages.get("/draw")
def show_draw() -> Response:
    return _page_with_models("draw.html")


@drawing_pages.get("/practice")
def show_practice() -> Response:
    return _page_with_models("practice.html")


def _page_with_models(template: str) -> Response:
    registry = service().registry
    default = registry.default()
    models = [model for model in registry.list() if model.reads == default.reads and model.name != BUILT_IN_BOXES]
    models.sort(key=lambda model: (model.reference != default.reference, model.label))
    return page(template, models=models, chosen=request.args.get("model"), texts=texts(common, drawing_texts.drawing))
