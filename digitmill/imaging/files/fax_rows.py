"""How many rows of a fax in a TIFF (T.4, T.6) its data hold.

A TIFF may declare more: a fax machine does not know how long a page will be, and a file may break off. libtiff fills
what is missing with white, black or noise, and says nothing.
"""

from __future__ import annotations

import io
import re
import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitmill.imaging.files.fax_data import TAILS, tiff_of_fax
from digitmill.imaging.files.libtiff import heard

WIDTH, LENGTH, COMPRESSION, OFFSETS, ROWS, COUNTS, FILL_ORDER, OPTIONS = 256, 257, 259, 273, 278, 279, 266, 292
FAXES = (2, 3, 4)
GROUP_4, GROUP_3 = 4, 3
LOWEST_BIT_FIRST = 2
END_BYTES = 16
"""Of the data hold the mark of their end, with the bits that fill it up."""
END_OF_BLOCK = re.compile(r"(0{11}1){2}0*$")
"""T.6, 2.4.1.1."""
END_OF_LINE = re.compile(r"0{11,}1")
EMPTY = ("", "0", "1")
"""What is between two ends of a line of which no row is (T.4, 4.1.4): the second may be told by a mark of its kind."""
COUNTED_BYTES = 4 << 20
"""Of a strip of no more the ends of its lines are counted."""
FEW = 0.01
"""Of the page's rows may be missing from a strip: a last row that a program cut off is no half page."""

_Values = Mapping[int, Any]


class RowsMissing(Exception):
    """The data break off before the rows that the TIFF declares."""


def rows_there(data: bytes, max_pixels: int) -> int | None:
    """The rows of the first page of the TIFF ``data``, where they end, with a mark, before those that it declares; None
    where it has all of them, or is no fax in strips.

    Raises:
        RowsMissing: there are fewer, and no mark.
        OSError, ValueError and others: what Pillow raises on a damaged TIFF.
    """
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as image:
        values: _Values = dict(getattr(image, "tag_v2", {}))
    if values.get(COMPRESSION) not in FAXES or OFFSETS not in values or COUNTS not in values:
        return None
    width, height = int(values[WIDTH]), int(values[LENGTH])
    if not 0 < width * height <= max_pixels:
        return None
    with heard():
        return _rows_there(data, values, width, height)


def _rows_there(data: bytes, values: _Values, width: int, height: int) -> int | None:
    few = max(1, int(FEW * height))
    strips = list(_strips(data, values, height))
    for number, (strip, first, rows) in enumerate(strips):
        if rows <= few:
            continue
        there, marked = _rows_of(strip, values, width, rows)
        if rows - there <= few:
            continue
        if not marked or not there or number + 1 < len(strips):
            raise RowsMissing
        return first + there
    return None


def _strips(data: bytes, values: _Values, height: int) -> Iterator[tuple[bytes, int, int]]:
    """The data of each, the first bit of a byte first, its first row and how many rows it is to have."""
    each = min(height, int(values.get(ROWS, height))) or height
    for number, (offset, count) in enumerate(zip(_numbers(values[OFFSETS]), _numbers(values[COUNTS]), strict=False)):
        rows = min(each, height - number * each)
        if rows <= 0:
            return
        strip = data[offset : offset + count]
        yield _turned(strip) if values.get(FILL_ORDER) == LOWEST_BIT_FIRST else strip, number * each, rows


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(map(int, value)) if isinstance(value, tuple) else (int(value),)


def _turned(strip: bytes) -> bytes:
    return strip.translate(bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256)))


def _rows_of(strip: bytes, values: _Values, width: int, rows: int) -> tuple[int, bool]:
    """How many rows the strip holds, and whether there is a mark behind them. What is put behind the data in the mark's
    place changes no row of a strip that holds all."""
    kind = int(values[COMPRESSION]), int(values.get(OPTIONS, 0))
    if kind[0] == GROUP_3 and len(strip) <= COUNTED_BYTES:
        before, *lines = END_OF_LINE.split(_bits(strip))
        if lines:
            there = sum(1 for line in [before, *lines] if line.rstrip("0") not in EMPTY)
            return min(there, rows), len(lines) > 1 and lines[-2] in EMPTY
    body, behind, marked = _without_mark(strip) if kind[0] == GROUP_4 else (strip, "", False)
    endings = [body + _joined(behind, tail) for tail in TAILS]

    def are_there(count: int) -> bool:
        one, other = (_read(tiff_of_fax(ending, width, count, *kind)) for ending in endings)
        return one is not None and other is not None and np.array_equal(one, other)

    if are_there(rows):
        return rows, marked
    return bisect_left(range(1, rows), True, key=lambda count: not are_there(count)), marked


def _without_mark(strip: bytes) -> tuple[bytes, str, bool]:
    """The whole bytes before the mark, the bits between these and the mark, and whether there is one."""
    last = strip[-END_BYTES:]
    bits = _bits(last)
    mark = END_OF_BLOCK.search(bits)
    if mark is None:
        return strip, "", False
    whole = mark.start() // 8
    return strip[: len(strip) - len(last) + whole], bits[8 * whole : mark.start()], True


def _bits(data: bytes) -> str:
    return f"{int.from_bytes(data):0{8 * len(data)}b}" if data else ""


def _joined(bits: str, tail: bytes) -> bytes:
    together = bits + _bits(tail)
    return bytes(int(together[place : place + 8], 2) for place in range(0, len(together) // 8 * 8, 8))


def _read(tiff: bytes) -> NDArray[np.bool_] | None:
    try:
        with Image.open(io.BytesIO(tiff), formats=("TIFF",)) as image:
            return np.asarray(image)
    except (OSError, ValueError):
        return None


def with_length(data: bytes, rows: int) -> bytes:
    """The ordinary or big TIFF ``data`` with so many rows declared by its first directory."""
    order = "<" if data.startswith(b"II") else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    offset, count, entry, value = ("Q", "Q", "HHQ", 12) if big else ("I", "H", "HHI", 8)
    (place,) = struct.unpack_from(order + offset, data, 8 if big else 4)
    (entries,) = struct.unpack_from(order + count, data, place)
    place += struct.calcsize(count)
    changed = bytearray(data)
    for _ in range(entries):
        tag, kind, _count = struct.unpack_from(order + entry, data, place)
        if tag == LENGTH:
            struct.pack_into(order + ("H" if kind == 3 else "I"), changed, place + value, rows)
        place += value + (8 if big else 4)
    return bytes(changed)
