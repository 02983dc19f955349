"""Files on their way out: opened when their turn comes, read in pieces, rewound for another try."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from digitmill.client.errors import ClientError

Content: TypeAlias = str | os.PathLike[str] | BinaryIO
Source: TypeAlias = Content | tuple[str, Content]
"""A path, an open binary file with a name, or either with the name that its rows shall carry."""

_SURROGATE = re.compile("[\ud800-\udfff]")

Part: TypeAlias = tuple[str, tuple[str | None, Any, str]]


class UploadFile:
    """One file as httpx reads it: it asks for the length, rewinds to the start, and reads to the end.

    Not an open file, because an upload may name more files than a process may hold open.
    """

    def __init__(self, name: str, content: Content) -> None:
        """
        Raises:
            ClientError: the path is that of a pipe, a device or a folder.
            OSError: the file is not there, or a file object cannot seek (a retry must send it again).
        """
        # a name may hold bytes that are no UTF-8, which Python has as lone surrogates, and no header carries those
        self.name = _SURROGATE.sub("\ufffd", name)
        self.on_read: Callable[[int], None] = lambda _: None
        self._read = 0
        self._path: Path | None = None
        self._start = 0
        self._file: BinaryIO | None = None
        if isinstance(content, (str, os.PathLike)):
            self._path = Path(content)
            self.size = self._path.stat().st_size
            if not self._path.is_file():
                raise ClientError(f"{self._path} is no file: a pipe, a device or a folder cannot be sent.")
        else:
            self._file = content
            self._start = content.tell()
            self.size = content.seek(0, os.SEEK_END) - self._start

    def tell(self) -> int:
        return 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            return self.size
        self.on_read(-self._read)
        self._read = 0
        if self._path is None and self._file is not None:
            self._file.seek(self._start + offset)
        else:
            self.close()
        return offset

    def read(self, size: int) -> bytes:
        """Raises ClientError where the file has not the length any more that was announced."""
        if self._file is None and self._path is not None:
            self._file = self._path.open("rb")
        data = self._file.read(size) if self._file is not None else b""
        if not data:
            self.close()
        self._read += len(data)
        if self._read > self.size or (size and not data and self._read < self.size):
            self.close()
            raise ClientError(f"The file {self.name} changed while it was sent, and nothing was taken: send it again.")
        self.on_read(len(data))
        return data

    def close(self) -> None:
        if self._path is not None and self._file is not None:
            self._file.close()
            self._file = None


def upload_files(sources: Iterable[Source]) -> list[UploadFile]:
    """
    Raises:
        ClientError: there is nothing to send, or a file object comes without a name.
        OSError: a file cannot be found, or a file object cannot seek.
    """
    files = [_upload_file(source) for source in sources]
    if not files:
        raise ClientError("There is nothing to submit: name at least one image or zip.")
    return files


def _upload_file(source: Source) -> UploadFile:
    if isinstance(source, tuple):
        return UploadFile(*source)
    if isinstance(source, (str, os.PathLike)):
        return UploadFile(Path(source).name, source)
    name = getattr(source, "name", None)
    if not isinstance(name, (str, os.PathLike)):
        raise ClientError("A file object without a name is submitted as a pair: (name, file).")
    return UploadFile(Path(name).name, source)


def report_progress(files: Iterable[UploadFile], on_upload: Callable[[int, int], None]) -> None:
    """Have ``on_upload`` called with (bytes sent, bytes in all); what is sent again is not counted twice."""
    files = list(files)
    total = sum(file.size for file in files)
    sent = 0

    def on_read(change: int) -> None:
        nonlocal sent
        sent += change
        on_upload(sent, total)

    for file in files:
        file.on_read = on_read


def multipart(files: Iterable[UploadFile], options: Mapping[str, Any]) -> list[Part]:
    """The parts of the body, options first, so that the service knows them before the first byte."""
    parts: list[Part] = []
    if options:
        parts.append(("options", (None, json.dumps(options), "application/json")))
    parts.extend(("files", (file.name, file, "application/octet-stream")) for file in files)
    return parts


def content_type(idempotency_key: str) -> str:
    """The same key gives the same boundary, so that a repeated submit has the same body, byte for byte."""
    boundary = hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]
    return f"multipart/form-data; boundary={boundary}"
