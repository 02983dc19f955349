"""How many pictures a HEIC holds beside each other, by its boxes (ISO/IEC 23008-12), without opening what they hold.

Thumbnails, depth and gain maps, and the tiles of a large picture are items too, and no pictures of their own.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from digitmill.errors import FailureCode, ItemFailure

PICTURES = frozenset({b"hvc1", b"grid", b"iden", b"iovl", b"av01", b"jpeg"})
OF_ANOTHER = frozenset({b"thmb", b"auxl"})
"""References from an item to the one that it belongs to."""
MADE_OF = b"dimg"
"""References from an item to those that it is put together of."""
BOX, LONG_SIZE = struct.Struct(">I4s"), struct.Struct(">Q")
HIDDEN = 1
LARGEST_META = 4 << 20
"""Bytes of the box that lists the items. Of large pictures of a thousand tiles it has some tens of thousands."""


def count_heif_pictures(data: bytes) -> int:
    """1 or more; 1 for what is damaged, of which the decoder says what is wrong."""
    try:
        return max(1, _count(data))
    except (struct.error, IndexError):
        return 1


def check_count(data: bytes, pages: int) -> None:
    """Raises ItemFailure where there are not ``pages`` pictures."""
    if count_heif_pictures(data) != pages:
        raise ItemFailure(
            FailureCode.UNSUPPORTED_FORMAT,
            "This file is a HEIC of several pictures. Name it .heic, so that each becomes an image of its own.",
        )


def _count(data: bytes) -> int:
    meta = next((span for kind, *span in _boxes(data, 0, len(data)) if kind == b"meta"), None)
    if meta is None or meta[1] - meta[0] > LARGEST_META:
        return 1
    # version and flags, as in all of these
    within = {kind: (start, end) for kind, start, end in _boxes(data, meta[0] + 4, meta[1])}
    pictures = _shown_pictures(data, *within[b"iinf"]) if b"iinf" in within else set()
    if b"iref" in within:
        pictures -= _parts(data, *within[b"iref"])
    return len(pictures)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind of each box, and where its content begins and ends."""
    while start + BOX.size <= end:
        size, kind = BOX.unpack_from(data, start)
        head = BOX.size
        if size == 1:
            (size,) = LONG_SIZE.unpack_from(data, start + head)
            head += LONG_SIZE.size
        size = size or end - start
        if size < head:
            return
        yield kind, start + head, min(start + size, end)
        start += size


def _shown_pictures(data: bytes, start: int, end: int) -> set[int]:
    """Numbers of the items that are pictures and not hidden."""
    found = set()
    for _, place, _ in _boxes(data, start + (8 if data[start] else 6), end):
        version, hidden = data[place], data[place + 3] & HIDDEN
        number, kind = struct.unpack_from(">I2x4s" if version == 3 else ">H2x4s", data, place + 4)
        if version in (2, 3) and kind in PICTURES and not hidden:
            found.add(number)
    return found


def _parts(data: bytes, start: int, end: int) -> set[int]:
    """Numbers of the items that belong to another."""
    number = "I" if data[start] else "H"
    found: set[int] = set()
    for kind, place, last in _boxes(data, start + 4, end):
        item, count = struct.unpack_from(f">{number}H", data, place)
        if kind in OF_ANOTHER:
            found.add(item)
        elif kind == MADE_OF:
            found.update(struct.unpack(f">{count}{number}", data[place + struct.calcsize(f">{number}H") : last]))
    return found
