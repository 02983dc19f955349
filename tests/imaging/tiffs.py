"""TIFFs written by hand, of any byte order, size of offsets and tags, as other programs than Pillow write them."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tests.pictures import Grey

SHORT, LONG, RATIONAL, LONG8 = 3, 4, 5, 16
FORMS = {SHORT: "H", LONG: "I", RATIONAL: "II", LONG8: "Q"}

Tags = Mapping[int, tuple[int, Sequence[int]]]
"""By number: type and values; of a rational each value is two numbers."""


def grey_tags(grey: Grey) -> dict[int, tuple[int, Sequence[int]]]:
    height, width = grey.shape
    return {
        256: (LONG, [width]),
        257: (LONG, [height]),
        258: (SHORT, [8]),
        259: (SHORT, [1]),
        262: (SHORT, [1]),
        277: (SHORT, [1]),
        278: (LONG, [height]),
    }


def written(directories: Sequence[tuple[Tags, Sequence[bytes]]], order: str = "<", *, big: bool = False) -> bytes:
    """A TIFF of these directories, each with its strips, whose places and lengths are added to its tags."""
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 0) if big else struct.pack(order + "HI", 42, 0))
    data, link = bytearray(head), 8 if big else 4
    for tags, strips in directories:
        places = []
        for strip in strips:
            data += bytes(len(data) % 2)
            places.append(len(data))
            data += strip
        kind = LONG8 if big else LONG
        data += bytes(len(data) % 2)
        struct.pack_into(order + ("Q" if big else "I"), data, link, len(data))
        link = _append(data, {**tags, 273: (kind, places), 279: (kind, [len(strip) for strip in strips])}, order, big)
    return bytes(data)


def _append(data: bytearray, tags: Tags, order: str, big: bool) -> int:
    """Where the link to the next directory lies."""
    room = 8 if big else 4
    start = len(data) + (8 if big else 2)
    values_at = start + len(tags) * (20 if big else 12) + room
    directory, values = struct.pack(order + ("Q" if big else "H"), len(tags)), b""
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = struct.pack(f"{order}{len(numbers)}{FORMS[kind][0]}", *numbers)
        count = len(numbers) // len(FORMS[kind])
        directory += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, count)
        if len(packed) <= room:
            directory += packed.ljust(room, b"\x00")
        else:
            directory += struct.pack(order + ("Q" if big else "I"), values_at + len(values))
            values += packed + bytes(len(packed) % 2)
    link = len(data) + len(directory)
    data += directory + bytes(room) + values
    return link
