"""The pictures behind the rows: as uploaded, drawn again for browsers, and as the model saw them."""

from __future__ import annotations

from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.errors import NotFound
from digitmill.imaging.drawn.drawing import View
from digitmill.imaging.files.formats import FORMATS, format_of
from web.context import owner, service
from web.documents.answers import with_ranges
from web.documents.inputs import Headers, Query, digits
from web.documents.openapi import BYTES, answer, operation

UNKNOWN = "application/octet-stream"
ENDINGS = {known.media_type: known.suffixes[0] for known in FORMATS} | {UNKNOWN: ".bin"}
PNG = "image/png"
ORIGINAL: Literal["original"] = "original"
MARKED: Literal["marked"] = "marked"
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

images = APIBlueprint("images", __name__, tag="Results")


class ImageQuery(Query):
    view: Annotated[
        Literal["original", "png", "thumbnail", "normalised", "registered", "marked"],
        Field(
            description="As uploaded, to download; the same in grey as PNG, at most 1,024 pixels a side, or 96; the "
            "28x28 that the model saw; a form page laid straight, as its template sees it; or that in colour, with an "
            "outline of each field and its value beside it."
        ),
    ] = ORIGINAL


class ImageHeaders(Headers):
    if_none_match: Annotated[str, Field(description="The ETag of a former answer.")] | None = None
    range: Annotated[str, Field(description="`bytes=FROM-TO`, to go on with a download.")] = ""
    if_range: Annotated[str, Field(description="The ETag of the picture that has begun to come.")] = ""


class FieldHeaders(Headers):
    if_none_match: Annotated[str, Field(description="The ETag of a former answer.")] | None = None


@images.get("/v1/jobs/<job_id>/results/<int:index>/image")
@images.input(ImageQuery, location="query", arg_name="query")
@images.input(ImageHeaders, location="headers", arg_name="headers")
@operation(
    images,
    {
        200: answer(
            "The picture.",
            *((kind, {"type": "string", "contentMediaType": kind}) for kind in ENDINGS),
            headers=("ETag",),
        ),
        206: answer(
            "These bytes of the picture.",
            *((kind, {"type": "string", "contentMediaType": kind}) for kind in ENDINGS),
            headers=("ETag", "Content-Range"),
        ),
        304: answer("You have the picture of this ETag.", headers=("ETag",)),
        416: BYTES,
    },
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.ItemFailure,
    errors.Overloaded,
    scope=Scope.READ,
)
def get_image(job_id: str, index: int, query: ImageQuery, headers: ImageHeaders) -> Response:
    """Get the picture behind a row

    An upload comes as a download, one that is none of the image types as plain bytes. A picture that cannot be had
    is answered 422 with its row's failure code. What is `marked` changes with the answers of people, and has no ETag; a
    page that failed has there the sentence of its row.
    """
    if query.view == MARKED:
        response = _picture(service().marked.page(owner(), job_id, index), f"{job_id}-{index}-marked", download=False)
        response.headers["Cache-Control"] = "private, no-cache"
        return response
    # an upload never changes, so what a browser has of it is good as long as it may see the job
    etag = f"{job_id}-{index}-{query.view}"
    if headers.if_none_match == f'"{etag}"' and index < service().jobs.get_read(owner(), job_id).counts.total:
        response = Response(status=304)
    else:
        response = _picture(_content(job_id, index, query.view), f"{job_id}-{index}", download=query.view == ORIGINAL)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, max-age=300"
    return with_ranges(response, response.content_length)


class FieldImageQuery(Query):
    character: (
        Annotated[
            int,
            Field(ge=0, lt=1000, description="One character of the field alone, from 0."),
            BeforeValidator(digits),
        ]
        | None
    ) = None


@images.get("/v1/jobs/<job_id>/results/<int:index>/fields/<field>/image")
@images.input(FieldImageQuery, location="query", arg_name="query")
@images.input(FieldHeaders, location="headers", arg_name="headers")
@operation(
    images,
    {
        200: answer("The picture.", (PNG, {"type": "string", "contentMediaType": PNG}), headers=("ETag",)),
        304: answer("You have the picture of this ETag.", headers=("ETag",)),
    },
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.ItemFailure,
    errors.Overloaded,
    scope=Scope.READ,
)
def get_field_image(job_id: str, index: int, field: str, query: FieldImageQuery, headers: FieldHeaders) -> Response:
    """Get the cut-out of a field of a form page

    The field and a little around it, laid straight, in grey as PNG, at most 1,024 pixels a side.
    """
    del headers
    asks, results = owner(), service().results
    character = query.character
    drawn = service().drawers.draw(lambda: results.field_picture(asks, job_id, index, field, character), View.FIELD)
    name = f"{job_id}-{index}-{field}" + ("" if character is None else f"-{character}")
    response = _picture(drawn or b"", name, download=False)
    response.set_etag(name)
    response.headers["Cache-Control"] = "private, max-age=300"
    response.make_conditional(request)
    return response


@images.get("/v1/jobs/<job_id>/results/<int:index>/name")
@operation(
    images,
    {200: answer("The bytes.", (UNKNOWN, {"type": "string", "contentMediaType": UNKNOWN}))},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_name(job_id: str, index: int) -> Response:
    """Get the name of an image as it was sent

    The bytes, before they were read in a code page and composed (NFC); of a page the name of its file.
    """
    response = Response(service().results.name_as_sent(owner(), job_id, index), content_type=UNKNOWN)
    response.headers["Content-Disposition"] = f'attachment; filename="{job_id}-{index}.name"'
    response.headers["Content-Security-Policy"] = POLICY
    return response


def _content(job_id: str, index: int, view: str) -> bytes:
    results = service().results
    if view == ORIGINAL:
        return results.image(owner(), job_id, index)[1]
    asks = owner()
    wanted = View(view)
    drawn = service().drawers.draw(lambda: results.picture(asks, job_id, index, wanted), wanted)
    if drawn is None:
        raise NotFound("The image is blank, so the model saw nothing of it.")
    return drawn


def sniff(content: bytes) -> str:
    """The media type by the first bytes; what is none of the image types is UNKNOWN, whatever it is."""
    known = format_of(content)
    return known.media_type if known is not None else UNKNOWN


def _picture(content: bytes, name: str, *, download: bool) -> Response:
    """``download``: the bytes are a stranger's, which a browser is to save and not to show."""
    media_type = sniff(content) if download else PNG
    disposition = "attachment" if download else "inline"
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}{ENDINGS[media_type]}"'
    response.headers["Content-Security-Policy"] = POLICY
    return response
