"""The members of a tar, as a stream, by the standard library's reader. Nothing is ever unpacked to a path."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from digitmill.errors import CorruptArchive, TooManyImages

BLOCK = tarfile.BLOCKSIZE
MOST_HEADER_BYTES = 1 << 20
"""Of one long name, set of extended headers or list of holes: the reader holds them in memory."""
NO_FILES = (b"V", b"D")
"""GNU tar's name of the volume, and its lists of what folders held when an incremental archive was made."""

DAMAGED = "The tar breaks off or is damaged. Make it again and upload that."


@dataclass(frozen=True, slots=True)
class TarMember:
    """``start`` is the place in the file of its ``size`` bytes. ``plain`` says that it is an ordinary file: no link, no
    device, none with holes."""

    name: bytes
    start: int
    size: int
    folder: bool
    plain: bool


def is_tar(head: bytes) -> bool:
    """Whether a file that begins with ``head``, of 512 bytes or more, is a tar, by the checksum of its first header."""
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def members(file: IO[bytes], start: int, length: int, most: int) -> Iterator[TarMember]:
    """The members in their order, in memory that does not grow with their number.

    Raises:
        CorruptArchive: the tar breaks off or is damaged; what came before is sound.
        TooManyImages: there are more than ``most`` members.
    """
    window = _Window(file, start, length)
    found = end = 0
    try:
        with tarfile.open(fileobj=window, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            while (info := archive.next()) is not None:
                window.left = MOST_HEADER_BYTES
                # the reader would keep them all
                archive.members = []  # type: ignore[attr-defined]
                found += 1
                if found > most:
                    raise TooManyImages(f"The tar lists more than {most:,} entries; split it into several uploads.")
                # of a file with holes ``size`` counts them, and the archive has fewer bytes
                if info.isreg() and not info.issparse() and info.offset_data + info.size > length:
                    raise CorruptArchive(DAMAGED)
                end = archive.offset
                yield TarMember(
                    info.name.encode("utf-8", "surrogateescape"),
                    start + info.offset_data,
                    info.size,
                    info.isdir() or info.type in NO_FILES,
                    info.isreg() and not info.issparse(),
                )
    except (tarfile.TarError, ValueError, OSError) as error:
        raise CorruptArchive(DAMAGED) from error
    # the reader takes a header that is damaged or missing for the end, which is a block of zeros
    file.seek(start + end)
    if end + BLOCK > length or file.read(BLOCK).strip(b"\0"):
        raise CorruptArchive(DAMAGED)


class _Window(io.RawIOBase):
    """``length`` bytes of a file from ``start``, of which no more than headers are read: those of one member may have
    MOST_HEADER_BYTES, and ``left`` is what may still come."""

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file, self._start, self._length = file, start, length
        self._position = 0
        self.left = MOST_HEADER_BYTES

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self.left:
            raise OSError("a header of too many bytes")
        self.left -= size
        self._file.seek(self._start + self._position)
        block = self._file.read(max(0, min(size, self._length - self._position)))
        self._position += len(block)
        return block
