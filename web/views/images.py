"""The pictures behind the rows: as uploaded, drawn anew for browsers, and as the model saw them."""

from __future__ import annotations

import io
from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response
from PIL import Image
from pydantic import Field

from digitmill import errors
from digitmill.domain import Scope
from digitmill.errors import NotFound
from web.context import owner, service
from web.inputs import Headers, Query
from web.openapi import answer, operation

UNKNOWN = "application/octet-stream"
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
)
ENDINGS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "image/webp": "webp",
    "image/x-portable-anymap": "pnm",
    UNKNOWN: "bin",
}
SIDES = {"png": 1024, "thumbnail": 96}
"""The most pixels a side of a picture drawn anew."""
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

images = APIBlueprint("images", __name__, tag="Results")


class ImageQuery(Query):
    view: Annotated[
        Literal["original", "png", "thumbnail", "normalised"],
        Field(
            description="As uploaded, to download; the same in grey as PNG, at most 1,024 pixels a side, or 96; or the "
            "28x28 that the model saw."
        ),
    ] = "original"


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
        response = _picture(_content(job_id, index, query.view), f"{job_id}-{index}", download=query.view == "original")
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, max-age=300"
    return response


def _content(job_id: str, index: int, view: str) -> bytes:
    results = service().results
    if view == "original":
        return results.image(owner(), job_id, index)[1]
    if view == "normalised":
        seen = results.normalised(owner(), job_id, index)
        if seen is None:
            raise NotFound("The image is blank, so the model saw nothing of it.")
        return _png(Image.fromarray(seen))
    picture = Image.fromarray(results.grey(owner(), job_id, index))
    side = SIDES[view]
    picture.thumbnail((side, side), Image.Resampling.BOX)
    return _png(picture)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def sniff(content: bytes) -> str:
    """The media type by the first bytes; what is none of the image types is UNKNOWN, whatever it is."""
    for signature, media_type in SIGNATURES:
        if content.startswith(signature):
            return media_type
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[:1] == b"P" and content[1:2] in b"123456" and content[2:3].isspace():
        return "image/x-portable-anymap"
    return UNKNOWN


def _picture(content: bytes, name: str, *, download: bool) -> Response:
    """``download``: the bytes are a stranger's, which a browser is to save and not to show."""
    media_type = sniff(content)
    disposition = "attachment" if download else "inline"
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}.{ENDINGS[media_type]}"'
    response.headers["Content-Security-Policy"] = POLICY
    return response
