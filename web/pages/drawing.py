"""Pages on which digits are drawn: one to see what the model makes of it, and sums to practise with."""

from __future__ import annotations

from flask import Response

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
    default = service().registry.default()
    models = sorted(service().registry.list(), key=lambda model: (model.reference != default.reference, model.label))
    return page(template, models=models, texts=texts(common, drawing_texts.drawing))
