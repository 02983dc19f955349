"""From the body of a request into the spool, block by block: memory does not grow with the upload."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from flask import Request, g
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_options_header

from digitmill.errors import BadOptions, FieldError, UnsupportedMediaType, UploadRefused, UploadTooLarge
from digitmill.imaging.files.formats import PDF, format_of
from digitmill.uploads.names import LONGEST_NAME
from digitmill.uploads.spool import Spool
from web.bodies.json_upload import JSON_BYTES, Received, read_json_upload
from web.bodies.multipart import Parts, boundary_of, read_multipart
from web.documents.options import Options, OptionsQuery, read_options

MULTIPART = "multipart/form-data"
JSON = "application/json"
ZIPS = frozenset({"application/zip", "application/x-zip-compressed", "application/x-zip"})
UNTOLD = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""Types that say nothing of a raw body: its content tells what it is."""
DOCUMENTS = frozenset({PDF.media_type, "application/x-tar", "application/gzip", "application/x-gzip"})
GZIP = frozenset({"gzip", "x-gzip"})
BLOCK_BYTES = 256 << 10
GZIP_BYTES = 16 << 10

TAKEN = (
    "Send multipart/form-data with `files`, or one raw body of application/zip, application/pdf, image/* or "
    "application/octet-stream"
)
REFUSED = {
    "application/x-www-form-urlencoded": "This is the type of a form without files; curl sends it with --data-binary "
    f"where no other is named. {TAKEN}.",
}

# of JSON, one body in memory at a time
_json_turn = threading.Lock()


def check_upload(request: Request, max_bytes: int) -> None:
    """Refuse by the headers alone what would be refused later.

    Raises:
        UnsupportedMediaType: the body is none of multipart, JSON, zip and image, or is compressed in another way than
            gzip.
        UploadTooLarge: its Content-Length says so.
        BadOptions: it is multipart or JSON and has options in the query.
    """
    media_type = request.mimetype
    is_raw = media_type in ZIPS | UNTOLD | DOCUMENTS or media_type.startswith("image/")
    if not is_raw and media_type not in (MULTIPART, JSON):
        raise UnsupportedMediaType(REFUSED.get(media_type, f"{TAKEN}, or application/json with files in base64."))
    if _encoding(request) not in ("identity", *GZIP):
        raise UnsupportedMediaType("Send the upload without a Content-Encoding, or with that of gzip.")
    limit = min(max_bytes, JSON_BYTES) if media_type == JSON else max_bytes
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    if not is_raw and request.args:
        where = "`options` part" if media_type == MULTIPART else "`options`, beside the `files`"
        raise BadOptions(
            f"The options of such an upload come in its {where}.",
            errors=tuple(FieldError(name, f"belongs into the {where.replace('`', '')}") for name in request.args),
        )


def receive(
    request: Request, query: OptionsQuery, spool: Spool, *, max_bytes: int, max_files: int, folder: Path
) -> Received:
    """Read the whole body into the spool, and the options from where they are. ``folder`` is for a body that must be
    read as a whole before it can be taken apart.

    Raises:
        UploadRefused: too large, broken off, not multipart, or with bad options.
    """
    body = _blocks(request, max_bytes)
    if _encoding(request) in GZIP:
        body = _unzipped(body, max_bytes)
    if request.mimetype == JSON:
        return _receive_json(body, spool, max_bytes=max_bytes, max_files=max_files, folder=folder)
    if request.mimetype != MULTIPART:
        first = next(body, b"")
        spool.begin(query.name or _disposed_name(request) or _file_name(request.mimetype, first))
        for block in chain((first,), body):
            spool.write(block)
        spool.end()
        return Received(query.options())
    boundary = _boundary(request)
    # names that aiohttp sends are those of a URL, without a word of it
    percent_coded = "aiohttp/" in request.headers.get("User-Agent", "")
    text = read_multipart(
        body, boundary, spool, max_files=max_files, block_bytes=BLOCK_BYTES, percent_coded=percent_coded
    )
    return Received(read_options(text) if text else Options())


def receive_parts(request: Request, spool: Spool, parts: Parts, *, max_bytes: int) -> bytes:
    """Read a form of named files and one text: the files into the spool; return the text.

    Raises:
        UnsupportedMediaType: the body is no multipart/form-data.
        UploadRefused: it is too large, broke off, or has other parts.
    """
    text = receive_form(request, spool, parts, max_bytes=max_bytes, max_files=len(parts.named))
    sent = {piece.name for piece in spool.pieces if piece.length}
    missing = [name for name in (parts.text, *parts.named) if not (text if name == parts.text else name in sent)]
    if missing:
        faults = tuple(FieldError(name, "must be there, and not be empty") for name in missing)
        raise BadOptions(f"The part {' and the part '.join(missing)} must be there, and not be empty.", errors=faults)
    return text


def receive_form(request: Request, spool: Spool, parts: Parts, *, max_bytes: int, max_files: int) -> bytes:
    """Read a form of some files and one text: the files into the spool; return the text, empty where there is none.
    Raises as ``receive_parts``."""
    if request.mimetype != MULTIPART or _encoding(request) != "identity":
        raise UnsupportedMediaType(
            f"Send {MULTIPART} with `{parts.text}` and `{parts.files}`, and no Content-Encoding."
        )
    body, boundary = _blocks(request, max_bytes), _boundary(request)
    return read_multipart(body, boundary, spool, max_files=max_files, block_bytes=BLOCK_BYTES, parts=parts)


def _boundary(request: Request) -> str:
    boundary = boundary_of(request.headers["Content-Type"])
    if not boundary:
        message = "must name the boundary of the parts"
        raise BadOptions(f"Content-Type {message}.", errors=(FieldError("Content-Type", message),))
    return boundary


def _receive_json(body: Iterator[bytes], spool: Spool, *, max_bytes: int, max_files: int, folder: Path) -> Received:
    """The body waits on the disk, so that slow clients cost no memory."""
    with Spool(folder, min(max_bytes, JSON_BYTES)) as whole:
        whole.begin("body")
        for block in body:
            whole.write(block)
        with _json_turn:
            text = whole.source if isinstance(whole.source, bytes) else whole.source.read_bytes()
            return read_json_upload(text, spool, max_files=max_files)


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


def _encoding(request: Request) -> str:
    return request.headers.get("Content-Encoding", "identity").strip().lower()


def _unzipped(body: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """The body without its Content-Encoding of gzip, of one or more members, in blocks of at most BLOCK_BYTES."""
    gzip, unpacked = _Gzip(), 0
    try:
        for packed in body:
            for block in gzip.take(packed):
                unpacked += len(block)
                if unpacked > max_bytes:
                    raise _too_large(max_bytes)
                yield block
    except zlib.error as error:
        raise UploadRefused("The upload is not the gzip that its Content-Encoding says, or is damaged.") from error
    if not gzip.ended:
        raise _broken_off()


class _Gzip:
    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)

    @property
    def ended(self) -> bool:
        return self._member.eof

    def take(self, packed: bytes) -> Iterator[bytes]:
        """Raises zlib.error."""
        # what follows a member is copied: of a body of nothing but tiny ones not all each time
        for start in range(0, len(packed), GZIP_BYTES):
            rest, more = packed[start : start + GZIP_BYTES], True
            while rest or more:
                if self._member.eof:
                    if not rest:
                        break
                    self._begin()
                block = self._member.decompress(rest, BLOCK_BYTES)
                rest, more = self._member.unconsumed_tail or self._member.unused_data, len(block) == BLOCK_BYTES
                if block:
                    yield block


def receive_page(request: Request, spool: Spool, *, max_bytes: int) -> None:
    """Read a raw body, one picture or PDF, into the spool.

    Raises:
        UnsupportedMediaType: it is another kind of body, or compressed.
        UploadTooLarge, UploadRefused: it is too large, or broke off.
    """
    is_raw = request.mimetype in UNTOLD | {PDF.media_type} or request.mimetype.startswith("image/")
    if not is_raw or _encoding(request) != "identity":
        raise UnsupportedMediaType(
            "Send one raw body of image/*, application/pdf or application/octet-stream, and no Content-Encoding."
        )
    spool.begin("page")
    for block in _blocks(request, max_bytes):
        spool.write(block)
    spool.end()


def _read(stream: IO[bytes]) -> bytes:
    try:
        return stream.read(BLOCK_BYTES)
    except (OSError, ClientDisconnected, ParseException) as error:
        raise _broken_off() from error


def _broken_off() -> UploadRefused:
    return UploadRefused("The upload broke off before its end; send it again.")


def _too_large(max_bytes: int) -> UploadTooLarge:
    return UploadTooLarge(f"The upload has more than {max_bytes:,} bytes; split it into several uploads.")


def _disposed_name(request: Request) -> str:
    """The name of a raw body that its Content-Disposition gives, or none; bytes that are not UTF-8 as in a form."""
    sent = request.headers.get("Content-Disposition", "").encode("latin-1", "replace")
    _, said = parse_options_header(sent.decode("utf-8", "surrogateescape"))
    return said.get("filename", "")[:LONGEST_NAME]


def _file_name(media_type: str, first: bytes) -> str:
    """A name for a raw body that came without one."""
    if media_type in ZIPS or first.startswith(b"PK\x03\x04"):
        return "upload.zip"
    known = format_of(first) if media_type in UNTOLD | DOCUMENTS else None
    if known is not None:
        return f"image{known.suffixes[0]}"
    ending = media_type.removeprefix("image/").removeprefix("x-").partition("+")[0]
    return f"image.{ending}" if ending.isalnum() else "image"
