"""A multipart body, taken apart block by block: files into the spool, the one part of text into memory."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from digitmill.errors import BadOptions, FieldError, TooManyImages
from digitmill.imaging.files.formats import FORMATS, READ_ARCHIVE_SUFFIXES
from digitmill.uploads.spool import Spool

ENDINGS = (*READ_ARCHIVE_SUFFIXES, *(suffix for known in FORMATS for suffix in known.suffixes))
FILES = "files"
OPTIONS = "options"
OPTIONS_BYTES = 64 << 10
HEADER_BYTES = 64 << 10
"""The most that may come before a part's content; it is held in memory until the blank line is found."""


LOOKED_AT = 256
"""So many bytes of a part tell that they are no file."""
NO_AT = "holds the name of a file, {name}, and no file; curl sends the file itself where @ stands before the name"
SEVERAL = (
    "holds several files at once, which forms no longer do (RFC 7578, 4.3): send each as a part of its own, with curl "
    "by -F files=@a.png -F files=@b.png"
)
UNKNOWN = "is no part that is known here; send {files} and {text}"
TOGETHER = 'is no part that is known here; options come together in one part of JSON, as in options={"read": "number"}'
IN_BASE64 = "is in base64, which parts of a form are not (RFC 7578, 4.7): send the bytes of the file themselves"


@dataclass(frozen=True, slots=True)
class Parts:
    """Which parts a body has: the ``files`` by the name that callers are told, those whose name ``matches``, and the
    ``text`` of at most so many bytes. Where the parts of files are ``named``, each must come, and a file is called by
    its part."""

    files: str
    matches: re.Pattern[str]
    text: str
    text_bytes: int
    named: tuple[str, ...] = ()

    @classmethod
    def of_files(cls, *names: str, text: str, text_bytes: int) -> Parts:
        return cls(" and ".join(names), re.compile("|".join(names)), text, text_bytes, names)


# axios and PHP number the parts of a list, or mark them as of one
UPLOAD = Parts(FILES, re.compile(r"files(\[\d*\])?"), OPTIONS, OPTIONS_BYTES)
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]+)"|([^;"\s][^;"]*))', re.IGNORECASE)
_BACKSLASH = re.compile(rb'\\([\\"])?')
_PERCENT_CODED = re.compile(r"(?:[\w.~-]|%[0-9A-F]{2})+", re.ASCII)
_NAME_ALONE = re.compile(
    rb"[^\x00-\x1f]{1,200}(%s)\s*" % b"|".join(re.escape(end).encode() for end in ENDINGS), re.IGNORECASE
)
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\r\n]+")
_HEADER_CONTINUES = re.compile(rb"\r?\n[ \t]+")


def boundary_of(content_type: str) -> str:
    """The boundary that a Content-Type names, also one with ``=`` in it that should be quoted and is not; or empty."""
    found = _BOUNDARY.search(content_type)
    return (found[1] or found[2]).strip() if found else ""


def read_multipart(
    body: Iterable[bytes],
    boundary: str,
    spool: Spool,
    *,
    max_files: int,
    block_bytes: int,
    percent_coded: bool = False,
    parts: Parts = UPLOAD,
) -> bytes:
    """Put every part of a file into the spool; return the part of text, empty where there is none.

    The bytes of a file name that are not UTF-8 become lone surrogates (``surrogateescape``).

    Args:
        body: blocks of at most ``block_bytes``.
        percent_coded: the client writes file names as they stand in a URL.

    Raises:
        BadOptions: the body is not multipart, a part has another name, or the text is too long or comes twice.
        TooManyImages: there are more than ``max_files`` files.
        UploadTooLarge, StorageUnavailable: as the spool does.
    """
    # a limit of Werkzeug's own, but on what waits in its buffer rather than on the form
    decoder = _Decoder(boundary.encode("latin-1", "replace"), max_form_memory_size=block_bytes + HEADER_BYTES)
    form = _Form(spool, max_files, parts, percent_coded=percent_coded)
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
    return bytes(form.text or b"")


class _Decoder(MultipartDecoder):
    """Werkzeug's, for headers in any code page, and with backslashes as browsers send them: not escaped."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        lines = _HEADER_CONTINUES.sub(b" ", _BACKSLASH.sub(_escaped, data)).splitlines()
        pairs = (line.decode("utf-8", "surrogateescape").partition(":") for line in lines if line.strip())
        return Headers([(name.strip(), value.strip()) for name, _, value in pairs])


def _escaped(backslash: re.Match[bytes]) -> bytes:
    return backslash[0] if backslash[1] else backslash[0] * 2


class _Look(Enum):
    """What a part may hold in the place of a file."""

    NOT = "nothing else"
    NAME = "the name of a file"
    BASE64 = "the file in base64"


class _Form:
    def __init__(self, spool: Spool, max_files: int, parts: Parts, *, percent_coded: bool) -> None:
        self._spool = spool
        self._max_files = max_files
        self._parts = parts
        self._percent_coded = percent_coded
        self._files = 0
        self._in_text = False
        self._head = bytearray()
        """The first bytes of a part that may be no file."""
        self._looks = _Look.NOT
        self._untouched: str | None = None
        """The name for a part without one, as long as nothing came in it."""
        self.text: bytearray | None = None

    def take(self, event: Event) -> None:
        if isinstance(event, (Field, File)):
            self._begin(event)
        elif isinstance(event, Data):
            self._write(event)

    def _begin(self, part: Field | File) -> None:
        str(part.name).encode()  # raises UnicodeEncodeError, a ValueError, where it is no text
        self._in_text = part.name == self._parts.text
        self._part, self._head = str(part.name), bytearray()
        if part.headers.get("Content-Type", "").strip().lower().startswith("multipart/"):
            raise _bad_part(self._part, SEVERAL)
        coding = part.headers.get("Content-Transfer-Encoding", "").strip().lower()
        self._looks = _Look.BASE64 if coding == "base64" else _Look.NOT if isinstance(part, File) else _Look.NAME
        if self._in_text:
            if self.text is not None:
                raise _bad_part(self._parts.text, "may come once")
            self.text = bytearray()
        elif self._parts.matches.fullmatch(str(part.name)):
            self._files += 1
            if self._files > self._max_files:
                raise TooManyImages(
                    f"The upload has more than {self._max_files:,} files; put them into a zip, or split the upload."
                )
            filename = part.filename if isinstance(part, File) else None
            name = part.name if self._parts.named else self._name(filename or "") or f"file-{self._files}"
            # what a page sends of an input in which no file was chosen: no file, unless something comes in it
            self._untouched = str(name) if filename == "" else None
            if self._untouched is None:
                self._spool.begin(str(name))
        else:
            is_text = self._parts is UPLOAD and isinstance(part, Field)
            known = TOGETHER if is_text else UNKNOWN.format(files=self._parts.files, text=self._parts.text)
            raise _bad_part(str(part.name), known)

    def _look(self, data: Data) -> None:
        """Raises BadOptions where the part is surely no file, although it is to be one."""
        if self._looks is _Look.NOT:
            return
        self._head += data.data[: LOOKED_AT - len(self._head)]
        if self._looks is _Look.BASE64 and (len(self._head) == LOOKED_AT or not data.more_data):
            self._looks = _Look.NOT
            if _BASE64.fullmatch(self._head):
                raise _bad_part(self._part, IN_BASE64)
        elif self._looks is _Look.NAME and not data.more_data and _NAME_ALONE.fullmatch(self._head):
            raise _bad_part(self._part, NO_AT.format(name=self._head.decode("utf-8", "replace").strip()))

    def _name(self, sent: str) -> str:
        coded = self._percent_coded and _PERCENT_CODED.fullmatch(sent)
        if coded:
            return unquote(sent, errors="surrogateescape")
        # so browsers write line breaks, as %22 for a quotation mark (HTML, multipart/form-data)
        return sent.replace("%0D", "\r").replace("%0A", "\n")

    def _write(self, data: Data) -> None:
        if self._in_text and self.text is not None:
            self.text += data.data
            if len(self.text) > self._parts.text_bytes:
                raise _bad_part(self._parts.text, f"must be at most {self._parts.text_bytes:,} bytes")
            return
        self._look(data)
        if data.data:
            if self._untouched is not None:
                self._spool.begin(self._untouched)
                self._untouched = None
            self._spool.write(data.data)
        if not data.more_data and self._untouched is None:
            self._spool.end()


def _bad_part(name: str, message: str) -> BadOptions:
    return BadOptions(f"The part {name[:100]} {message}.", errors=(FieldError(name[:100], message),))
