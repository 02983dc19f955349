"""Whether the data of a fax (T.4, T.6) or of a JBIG2 (T.88) in a PDF are whole. Decoders call nothing damaged there,
and take what is missing for white."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

CODES = ((4, 0), (3, 0), (3, 1), (3, 5), (3, 4), (2, 0))
"""Compression and options of a TIFF in which such data may be coded (TIFF 6.0, sections 10 and 11). PDFium does not
tell in which they are."""
TAILS = (b"\x55" * 64, b"\x33" * 64)
"""Put behind the data: a decoder that reads on there finds other pixels by each."""
LAST_BYTES = 8
"""Of whole data are read: their end takes three."""
END_OF_BLOCK, MARK_BYTES = ("0" * 11 + "1") * 2, 3
"""T.6, 2.4.1.1: two ends of a line."""
SEGMENT = struct.Struct(">IBB")
"""Number, flags, and in three bits how many others it refers to."""
FEWEST_BYTES = 11
"""Of the header of a segment."""
LONG, UNKNOWN = 7, 0xFFFFFFFF

Read = Callable[[bytes], NDArray[np.uint8] | None]
"""The picture of a TIFF; None where it cannot be read."""


def is_whole_fax(data: bytes, size: tuple[int, int], read: Read) -> bool:
    """Whether a decoder that makes a picture of ``size`` (width, height) ends where the data do, or, where a program
    left something behind these, at a mark of their end."""
    data = data.rstrip(b"\x00\r\n")
    return any(_is_whole(data, partial(_coded, size, kind, read)) for kind in CODES)


def _is_whole(data: bytes, read: Read) -> bool:
    """The same for one way in which the data may be coded, which ``read`` takes them in."""
    picture, other = (read(data + tail) for tail in TAILS)
    if picture is None or not _same(picture, other):
        return False

    def suffice(count: int) -> bool:
        return _same(picture, read(data[:count] + TAILS[0]))

    all_but_last = max(0, len(data) - LAST_BYTES)
    if not suffice(all_but_last):
        return True
    end = bisect_left(range(all_but_last), True, key=suffice)
    return _has_mark(data[max(0, end - MARK_BYTES) : end + LAST_BYTES])


def _has_mark(some: bytes) -> bool:
    return END_OF_BLOCK in f"{int.from_bytes(some):0{8 * len(some)}b}"


def _coded(size: tuple[int, int], kind: tuple[int, int], read: Read, data: bytes) -> NDArray[np.uint8] | None:
    return read(tiff_of_fax(data, *size, *kind))


def _same(one: NDArray[np.uint8], other: NDArray[np.uint8] | None) -> bool:
    return other is not None and np.array_equal(one, other)


def has_whole_segments(data: bytes) -> bool:
    """Whether every segment of a JBIG2 lies in the data (T.88, 7.2). Line breaks may follow."""
    place = 0
    try:
        while data[place : place + FEWEST_BYTES].strip(b"\x00\r\n"):
            head, length = _segment(data, place)
            if length == UNKNOWN:
                return True
            place += head + length
    except struct.error:
        return False
    return place <= len(data)


def _segment(data: bytes, place: int) -> tuple[int, int]:
    """Bytes of the segment's header and of what follows it."""
    number, flags, references = SEGMENT.unpack_from(data, place)
    count, head = references >> 5, SEGMENT.size
    if count == LONG:
        (count,) = struct.unpack_from(">I", data, place + 5)
        count &= 0x1FFFFFFF
        head += 3 + (count + 8) // 8
    head += count * (1 if number <= 256 else 2 if number <= 65536 else 4) + (4 if flags & 0x40 else 1)
    (length,) = struct.unpack_from(">I", data, place + head)
    return head + 4, length


def tiff_of_fax(data: bytes, width: int, height: int, compression: int, options: int) -> bytes:
    """The data as a TIFF of one strip."""
    tags = [(256, width), (257, height), (258, 1), (259, compression), (262, 0), (273, 8), (277, 1), (278, height)]
    tags += [(279, len(data)), *([(292, options)] if compression == 3 else [])]
    body = data + bytes(len(data) % 2)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return b"II*\x00" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)
