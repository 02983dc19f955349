"""Archives in archives and compressed ones, unpacked block by block behind the upload that they came in.

Entries are ranges of the upload, and a compressed stream has none: so it is unpacked once, while it is taken in.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

from digitmill.errors import CorruptArchive

BLOCK_BYTES = 1 << 20
GZIP_SIGNATURE = b"\x1f\x8b"
RAW_DEFLATE, GZIP = -zlib.MAX_WBITS, zlib.MAX_WBITS | 16
ROOM_BYTES, MOST_RATIO = 64 << 20, 20
"""An archive may unpack to so many bytes, and to so many times its own beyond that: scans hardly shrink."""

DAMAGED = "The archive {name} breaks off or is damaged. Make it again and upload that."
BOMB = "The archive {name} unpacks to far more than it holds. Unpack it, and send the images in a zip."


def unpacked(file: IO[bytes], start: int, length: int, wrapping: int, name: str) -> Iterator[bytes]:
    """What ``length`` bytes of ``file`` from ``start`` unpack to, by a ``wrapping`` of RAW_DEFLATE or GZIP.

    A gzip of several parts is one. Bytes behind its end are passed over.

    Raises:
        CorruptArchive: they break off, are damaged, or unpack to too much.
    """
    inflater, taken, given, block = zlib.decompressobj(wrapping), 0, 0, b""
    while True:
        if not block and taken < length:
            file.seek(start + taken)
            block = file.read(min(BLOCK_BYTES, length - taken))
            taken += len(block)
        try:
            plain = inflater.decompress(block, BLOCK_BYTES)
        except zlib.error as error:
            raise CorruptArchive(DAMAGED.format(name=name)) from error
        given += len(plain)
        if given > ROOM_BYTES + MOST_RATIO * taken:
            raise CorruptArchive(BOMB.format(name=name))
        yield plain
        if inflater.eof:
            block = inflater.unused_data
            if wrapping != GZIP or not block.startswith(GZIP_SIGNATURE):
                return
            inflater = zlib.decompressobj(wrapping)
        else:
            block = inflater.unconsumed_tail
            if not block and not plain and taken >= length:
                raise CorruptArchive(DAMAGED.format(name=name))
