"""Drafts of templates: a page in, what it has to fill in out. Nothing is stored."""

from __future__ import annotations

from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.forms.drafting import drafted_apart
from digitmill.forms.imported import from_widgets
from digitmill.imaging.files.counting import count_pictures
from digitmill.imaging.files.formats import PDF, format_of
from digitmill.uploads.spool import Spool
from web.bodies.upload import receive_page
from web.context import context, owner, service
from web.documents.answers import json_answer
from web.documents.inputs import Query, digits
from web.documents.openapi import answer, operation

DRAFT_SECONDS = 5
"""About what a page takes."""

PNG = "image/png"

drafts = APIBlueprint("drafts", __name__, tag="Templates")


class PageQuery(Query):
    page: Annotated[int, Field(ge=1, le=999_999, description="Page of a PDF or TIFF."), BeforeValidator(digits)] = 1


class DraftQuery(PageQuery):
    name: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9-]*$", max_length=64, description="Name of the template.")] = (
        "draft"
    )
    dpi: Annotated[
        int | None,
        Field(ge=50, le=1200, description="Pixels an inch of a picture; else the page is taken for A4."),
        BeforeValidator(digits),
    ] = None
    blank: Annotated[
        bool | None,
        Field(description="Whether nobody has written on the page; else its boxes tell, by strokes in them."),
    ] = None


@drafts.post("/v1/templates/draft")
@drafts.input(DraftQuery, location="query", arg_name="query")
@operation(
    drafts,
    {200: answer("The draft. Its fields have made-up names; there may be none.", "Draft")},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.ItemFailure,
    errors.Overloaded,
    scope=Scope.SUBMIT,
)
def draft_template(query: DraftQuery) -> Response:
    """Draft a template from a page

    The body is a picture of a page or a PDF. Boxes, combs, frames and bubbles become fields, `field1`, `field2` and so
    on, in pixels of the picture; a fillable PDF has fields of its own, which are taken with their names, in pixels of
    the page drawn at 300 dots per inch. Nothing is stored: name the fields and publish the template.
    """
    data = received_page()
    drawers, page = service().drawers, query.page - 1
    is_pdf = format_of(data) is PDF
    pages = _pages_of(data, query.page)
    widgets = drawers.form_fields(data, page) if is_pdf else []
    grey = drawers.grey(data, page, pages)
    if widgets:
        height, width = grey.shape
        return json_answer(from_widgets(widgets, query.name, (width, height)))
    if not context().drafting.acquire(blocking=False):
        raise errors.Overloaded("Another draft is being made; try again in a moment.", retry_after=DRAFT_SECONDS)
    try:
        return json_answer(drafted_apart(grey, query.name, query.dpi, service().settings, blank=query.blank))
    finally:
        context().drafting.release()


@drafts.post("/v1/templates/picture")
@drafts.input(PageQuery, location="query", arg_name="query")
@operation(
    drafts,
    {
        200: answer(
            "The picture.",
            (PNG, {"type": "string", "contentMediaType": PNG}),
            headers=("Digitmill-Pages", "Digitmill-Scale"),
        )
    },
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.ItemFailure,
    errors.Overloaded,
    scope=Scope.SUBMIT,
)
def draw_page(query: PageQuery) -> Response:
    """Draw a page for a browser

    The body is a picture of a page or a PDF. It comes as PNG in grey, at most 3,508 pixels a side, so that a template
    can be drawn on it; nothing is stored.
    """
    data = received_page()
    drawers = service().drawers
    pages = _pages_of(data, query.page)
    drawn, scale = drawers.page(data, query.page - 1, pages)
    response = Response(drawn, content_type=PNG)
    response.headers["Digitmill-Scale"] = f"{scale:.6f}"
    known = format_of(data)
    if known is not None and known.paged:
        response.headers["Digitmill-Pages"] = str(pages)
    return response


def _pages_of(data: bytes, wanted: int) -> int:
    """Pages or pictures of the file, or ``wanted`` where that is no page of it: which is told when it is read."""
    if format_of(data) is PDF:
        return service().drawers.count_pages(data)
    return max(wanted, count_pictures(data))


def received_page() -> bytes:
    """The body of the present request, one picture or PDF. Raises as ``receive_page`` does."""
    most = service().settings.max_member_bytes
    with context().waiting.upload_slot(owner()), Spool(service().settings.spool, most) as spool:
        receive_page(request, spool, max_bytes=most)
        return spool.read(0, spool.length)
