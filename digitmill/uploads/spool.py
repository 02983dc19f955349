"""The bodies of one upload, one after the other and unchanged: a few bytes in memory, more in one temporary file."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from digitmill.errors import StorageUnavailable, UploadTooLarge

BLOCK_BYTES = 1 << 20
HELD_BYTES = 64 << 10
"""An upload of no more is never written to the spool's folder: to make a file costs more than to read a small image."""
SUFFIX = ".upload"
SPREADSHEET_SUFFIX = ".spreadsheet"
"""Of folders beside the uploads, in which the web server writes what it sends."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file of the upload: ``length`` bytes of the spool from ``start``. ``name`` is the client's; bytes of it that
    are not UTF-8 are lone surrogates (``surrogateescape``)."""

    name: str
    start: int
    length: int
    sent: bytes | None = None
    """The bytes of the name as they came, where ``name`` is no longer that."""

    @property
    def place(self) -> tuple[int, int]:
        return self.start, self.length


class Spool:
    """One upload on its way in. Use as a context manager: leaving it removes the file, if there is one.

    A file is added whole with ``add``, or with ``begin``, any number of ``write`` and ``end`` by a parser
    that produces it block by block. Memory stays at one block, whatever the upload's size.
    """

    def __init__(self, folder: Path, max_bytes: int, *, with_digest: bool = False) -> None:
        """The file is made in ``folder`` (made if missing) when it is needed, readable by this user alone."""
        self._folder = folder
        self._max_bytes = max_bytes
        self._hash = hashlib.sha256() if with_digest else None
        self._pieces: list[Piece] = []
        self._open_piece: Piece | None = None
        self._length = 0
        self._held = bytearray()
        self._file: IO[bytes] | None = None

    def add(self, name: str, stream: IO[bytes]) -> None:
        """Copy ``stream`` to its end. Raises as ``write`` does, and what the stream raises."""
        self.begin(name)
        while block := stream.read(BLOCK_BYTES):
            self.write(block)
        self.end()

    def begin(self, name: str) -> None:
        if self._open_piece is not None:
            raise ValueError("end the piece before the next one begins")
        self._open_piece = Piece(name, self._length, 0)

    def write(self, block: bytes) -> None:
        """Append to the piece that was begun.

        Raises:
            UploadTooLarge: the upload has more than ``max_bytes`` bytes.
            StorageUnavailable: the disk is full or fails, or the folder cannot be written.
        """
        self._append(block)
        if self._hash is not None:
            self._hash.update(block)

    def unpack(self, name: str, blocks: Iterator[bytes]) -> Piece:
        """Append what a file of the upload unpacks to, which is no file that was sent. Raises as ``write`` does."""
        start = self._length
        for block in blocks:
            self._append(block)
        return Piece(name, start, self._length - start)

    def _append(self, block: bytes) -> None:
        if self._length + len(block) > self._max_bytes:
            raise UploadTooLarge(f"The upload has more than {self._max_bytes:,} bytes; split it into several uploads.")
        if self._file is None and self._length + len(block) <= HELD_BYTES:
            self._held += block
        else:
            self._write_out(block)
        self._length += len(block)

    def end(self) -> None:
        """Finish the piece that was begun."""
        begun = self._open_piece
        if begun is None:
            raise ValueError("no piece was begun")
        length = self._length - begun.start
        self._pieces.append(Piece(begun.name, begun.start, length))
        self._open_piece = None
        if self._hash is not None:
            name = begun.name.encode("utf-8", "surrogatepass")
            # both lengths last: no two different uploads can give the same run of bytes
            self._hash.update(name + len(name).to_bytes(8) + length.to_bytes(8))

    def _write_out(self, block: bytes) -> None:
        with as_storage_errors():
            if self._file is None:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = tempfile.NamedTemporaryFile(  # noqa: SIM115 (close() ends it)
                    "w+b", buffering=0, dir=self._folder, suffix=SUFFIX, delete=False
                )
                _write_all(self._file, self._held)
                self._held.clear()
            _write_all(self._file, block)

    @property
    def source(self) -> bytes | Path:
        """What was written: the bytes themselves where they are few, else the file, which may be moved away."""
        return bytes(self._held) if self._file is None else Path(self._file.name)

    def reader(self) -> IO[bytes]:
        """A stream over what was written, and over what will be."""
        return cast(IO[bytes], _Reader(self))

    def read(self, start: int, length: int) -> bytes:
        """Those of the bytes that were written."""
        if self._file is None:
            return bytes(self._held[start : start + length])
        return os.pread(self._file.fileno(), length, start)

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The files added so far, in order."""
        return tuple(self._pieces)

    @property
    def length(self) -> int:
        """Bytes written so far."""
        return self._length

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents added so far, in hex; asked for with ``with_digest``."""
        if self._hash is None:
            raise ValueError("the spool was not asked for a digest")
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close and remove the file. One that was moved away is fine."""
        if self._file is not None and not self._file.closed:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Reader(io.RawIOBase):
    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._position = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._spool.length}[whence]
        return self._position

    def read(self, size: int = -1) -> bytes:
        block = self._spool.read(self._position, self._spool.length if size < 0 else size)
        self._position += len(block)
        return block


def _write_all(file: IO[bytes], block: bytes | bytearray) -> None:
    """An unbuffered file may take less than it is given."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def as_storage_errors() -> Iterator[None]:
    """What a disk raises becomes StorageUnavailable."""
    try:
        yield
    except OSError as error:
        raise StorageUnavailable(
            f"The server cannot store the upload ({error.strerror or type(error).__name__}); "
            "try again later, or ask its administrator for more disk space."
        ) from error


def clear_old_spools(folder: Path, seconds: float) -> None:
    """Remove uploads and spreadsheets in ``folder`` that nobody has written to for so long: their process died."""
    for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*{SPREADSHEET_SUFFIX}")):
        # another process may clear at the same time
        with suppress(FileNotFoundError):
            if time.time() - _last_written(path) > seconds:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink()


def _last_written(path: Path) -> float:
    """Of a file, or of what was written last in a folder."""
    inside = list(path.iterdir()) if path.is_dir() else []
    return max(each.stat().st_mtime for each in [path, *inside])
