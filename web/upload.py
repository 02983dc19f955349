"""From the body of a request into the spool, block by block: memory does not grow with the upload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

from flask import Request, g
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected

from digitmill.errors import BadOptions, FieldError, UnsupportedMediaType, UploadRefused, UploadTooLarge
from digitmill.uploads.spool import Spool
from web.multipart import read_multipart
from web.options import Options, OptionsQuery, read_options

MULTIPART = "multipart/form-data"
ZIPS = frozenset({"application/zip", "application/x-zip-compressed"})
BLOCK_BYTES = 256 << 10


def check_upload(request: Request, max_bytes: int) -> None:
    """Refuse by the headers alone what would be refused later.

    Raises:
        UnsupportedMediaType: the body is none of multipart, zip and image, or is compressed on its way.
        UploadTooLarge: its Content-Length says so.
        BadOptions: it is multipart and has options in the query.
    """
    media_type = request.mimetype
    if media_type != MULTIPART and media_type not in ZIPS and not media_type.startswith("image/"):
        raise UnsupportedMediaType(
            "Send multipart/form-data with `files`, or one raw body of application/zip or image/*."
        )
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Send the upload without a Content-Encoding; zips are compressed already.")
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    if media_type == MULTIPART and request.args:
        raise BadOptions(
            "The options of a multipart upload come in its `options` part.",
            errors=tuple(FieldError(name, "belongs into the options part") for name in request.args),
        )


def receive(request: Request, query: OptionsQuery, spool: Spool, *, max_bytes: int, max_files: int) -> Options:
    """Read the whole body into the spool, and the options from where they are.

    Raises:
        UploadRefused: too large, broken off, not multipart, or with bad options.
    """
    body = _blocks(request, max_bytes)
    if request.mimetype != MULTIPART:
        spool.begin(query.name or _file_name(request.mimetype))
        for block in body:
            spool.write(block)
        spool.end()
        return query.options()
    boundary = request.mimetype_params.get("boundary", "")
    if not boundary:
        message = "must name the boundary of the parts"
        raise BadOptions(f"Content-Type {message}.", errors=(FieldError("Content-Type", message),))
    text = read_multipart(body, boundary, spool, max_files=max_files, block_bytes=BLOCK_BYTES)
    return read_options(text) if text else Options()


def read_body(request: Request, max_bytes: int) -> bytes:
    """The whole body of a small request. Raises UploadTooLarge, or UploadRefused where it broke off."""
    return b"".join(_blocks(request, max_bytes))


def _blocks(request: Request, max_bytes: int) -> Iterator[bytes]:
    received = 0
    while block := _read(request.stream):
        received += len(block)
        if received > max_bytes:
            raise _too_large(max_bytes)
        yield block
    if received < (request.content_length or 0):
        # gunicorn ends the stream without a word when the client hangs up
        raise _broken_off()
    g.body_read = True


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(BLOCK_BYTES)
    except (OSError, ClientDisconnected, ParseException) as error:
        raise _broken_off() from error


def _broken_off() -> UploadRefused:
    return UploadRefused("The upload broke off before its end; send it again.")


def _too_large(max_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(f"The upload has more than {max_bytes:,} bytes; split it into several uploads.")


def _file_name(media_type: str) -> str:
    """A name for a raw body that came without one."""
    if media_type in ZIPS:
        return "upload.zip"
    ending = media_type.removeprefix("image/").removeprefix("x-").partition("+")[0]
    return f"image.{ending}" if ending.isalnum() else "image"
