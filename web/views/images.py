"""The pictures behind the rows: as uploaded, drawn anew for browsers, and as the model saw them."""

from __future__ import annotations

from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from digitmill import errors
from digitmill.domain import Scope
from digitmill.errors import NotFound
from digitmill.imaging.drawing import View
from digitmill.imaging.formats import FORMATS, format_of
from web.context import context, owner, service
from web.inputs import Headers, Query
from web.openapi import answer, operation

UNKNOWN = "application/octet-stream"
ENDINGS = {known.media_type: known.suffixes[0] for known in FORMATS} | {UNKNOWN: ".bin"}
PNG = "image/png"
ORIGINAL: Literal["original"] = "original"
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

images = APIBlueprint("images", __name__, tag="Results")


class ImageQuery(Query):
    view: Annotated[
        Literal["original", "png", "thumbnail", "normalised"],
        Field(
            description="As uploaded, to download; the same in grey as PNG, at most 1,024 pixels a side, or 96; or the "
            "28x28 that the model saw."
        ),
    ] = ORIGINAL


class ImageHeaders(Headers):
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
        304: answer("You have the picture of this ETag.", headers=("ETag",)),
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
    is answered 422 with its row's failure code.
    """
    # an upload never changes, so what a browser has of it is good as long as it may see the job
    etag = f"{job_id}-{index}-{query.view}"
    if headers.if_none_match == f'"{etag}"' and index < service().jobs.get(owner(), job_id).counts.total:
        response = Response(status=304)
    else:
        response = _picture(_content(job_id, index, query.view), f"{job_id}-{index}", download=query.view == ORIGINAL)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, max-age=300"
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
    drawn = context().drawers.draw(lambda: results.picture(asks, job_id, index, wanted), wanted)
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
