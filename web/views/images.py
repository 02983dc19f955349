"""The pictures behind the rows: as uploaded, and as the model saw them."""

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
from web.inputs import Query
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
POLICY = "sandbox; default-src 'none'; frame-ancestors 'none'"

images = APIBlueprint("images", __name__, tag="Results")


class ImageQuery(Query):
    view: Annotated[
        Literal["original", "normalised"], Field(description="As uploaded, or the 28x28 that the model saw.")
    ] = "original"


@images.get("/v1/jobs/<job_id>/results/<int:index>/image")
@images.input(ImageQuery, location="query", arg_name="query")
@operation(
    images,
    {200: answer("The picture.", *((kind, {"type": "string", "contentMediaType": kind}) for kind in ENDINGS))},
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.ItemFailure,
    scope=Scope.READ,
)
def get_image(job_id: str, index: int, query: ImageQuery) -> Response:
    """Get the picture behind a row

    An upload that is none of the image types is served as bytes to download. A picture that cannot be had is
    answered 422 with its row's failure code.
    """
    if query.view == "normalised":
        picture = service().results.normalised(owner(), job_id, index)
        if picture is None:
            raise NotFound("The image is blank, so the model saw nothing of it.")
        out = io.BytesIO()
        Image.fromarray(picture).save(out, "PNG")
        content = out.getvalue()
    else:
        _, content = service().results.image(owner(), job_id, index)
    return _picture(content, f"{job_id}-{index}")


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


def _picture(content: bytes, name: str) -> Response:
    media_type = sniff(content)
    disposition = "attachment" if media_type == UNKNOWN else "inline"
    response = Response(content, content_type=media_type)
    response.headers["Content-Disposition"] = f'{disposition}; filename="{name}.{ENDINGS[media_type]}"'
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cache-Control"] = "private, max-age=300"
    return response
