"""A multipart body, taken apart block by block: files into the spool, the ``options`` part into memory."""

from __future__ import annotations

from collections.abc import Iterable

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from digitmill.errors import BadOptions, FieldError, TooManyImages
from digitmill.uploads.spool import Spool

FILES = "files"
OPTIONS = "options"
OPTIONS_BYTES = 64 << 10
HEADER_BYTES = 64 << 10
"""The most that may come before a part's content; it is held in memory until the blank line is found."""


def read_multipart(body: Iterable[bytes], boundary: str, spool: Spool, *, max_files: int, block_bytes: int) -> bytes:
    """Put every ``files`` part into the spool; return the ``options`` part, empty where there is none.

    Args:
        body: blocks of at most ``block_bytes``.

    Raises:
        BadOptions: the body is not multipart, a part has another name, or the options are too long or come twice.
        TooManyImages: there are more than ``max_files`` files.
        UploadTooLarge, StorageUnavailable: as the spool does.
    """
    # a limit of Werkzeug's own, but on what waits in its buffer rather than on the form
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_form_memory_size=block_bytes + HEADER_BYTES)
    form = _Form(spool, max_files)
    try:
        for block in body:
            decoder.receive_data(block)
            while not isinstance(event := decoder.next_event(), (NeedData, Epilogue)):
                form.take(event)
        decoder.receive_data(None)
        while not isinstance(event := decoder.next_event(), Epilogue):
            form.take(event)
    except (ValueError, RequestEntityTooLarge) as error:
        message = "must be complete multipart/form-data, its parts named, their headers short"
        raise BadOptions(f"The body {message}.", errors=(FieldError("body", message),)) from error
    return bytes(form.options or b"")


class _Form:
    def __init__(self, spool: Spool, max_files: int) -> None:
        self._spool = spool
        self._max_files = max_files
        self._files = 0
        self._in_options = False
        self.options: bytearray | None = None

    def take(self, event: Event) -> None:
        if isinstance(event, (Field, File)):
            self._begin(event)
        elif isinstance(event, Data):
            self._write(event)

    def _begin(self, part: Field | File) -> None:
        self._in_options = part.name == OPTIONS
        if self._in_options:
            if self.options is not None:
                raise _bad_part(OPTIONS, "may come once")
            self.options = bytearray()
        elif part.name == FILES:
            self._files += 1
            if self._files > self._max_files:
                raise TooManyImages(
                    f"The upload has more than {self._max_files:,} files; put them into a zip, or split the upload."
                )
            filename = part.filename if isinstance(part, File) else ""
            self._spool.begin(filename or f"file-{self._files}")
        else:
            raise _bad_part(str(part.name), f"is no part that is known here; send {FILES} and {OPTIONS}")

    def _write(self, data: Data) -> None:
        if self._in_options and self.options is not None:
            self.options += data.data
            if len(self.options) > OPTIONS_BYTES:
                raise _bad_part(OPTIONS, f"must be at most {OPTIONS_BYTES:,} bytes")
            return
        if data.data:
            self._spool.write(data.data)
        if not data.more_data:
            self._spool.end()


def _bad_part(name: str, message: str) -> BadOptions:
    return BadOptions(f"The part {name[:100]} {message}.", errors=(FieldError(name[:100], message),))
