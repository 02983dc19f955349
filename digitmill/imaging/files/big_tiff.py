"""One page of a big-endian BigTIFF as a TIFF of the ordinary kind: Pillow takes the former for damaged."""

from __future__ import annotations

import struct

HEAD = b"MM\x00+"
SHORT, LONG, LONG8, SLONG8, IFD8 = 3, 4, 16, 17, 18
SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, LONG8: 8, SLONG8: 8, IFD8: 8}
"""Bytes of one value by its type (TIFF 6.0, section 2, and the BigTIFF proposal)."""
COUNT, ENTRY = struct.Struct(">Q"), struct.Struct(">HHQ8s")


class NotConvertible(Exception):
    """The page reaches out of the file, or needs numbers that an ordinary TIFF cannot hold."""


def ordinary(data: bytes, offset: int) -> bytes:
    """The TIFF ``data`` with the directory at ``offset`` written again behind its end, as its only page.

    Raises:
        NotConvertible: see there.
    """
    try:
        (entries,) = COUNT.unpack_from(data, offset)
        if entries > (len(data) - offset) // ENTRY.size:
            raise NotConvertible
        start = offset + COUNT.size
        fields = [_field(data, *ENTRY.unpack_from(data, start + number * ENTRY.size)) for number in range(entries)]
        return _written(data, fields)
    except struct.error as error:
        raise NotConvertible from error


def _field(data: bytes, tag: int, kind: int, count: int, value: bytes) -> tuple[int, int, int, bytes]:
    """A tag with its values: (tag, type, count, the values' bytes), where 8 bytes a value have become 4."""
    length = SIZES.get(kind, 1) * count
    if length > len(data):
        raise NotConvertible
    if length > len(value):
        (place,) = COUNT.unpack(value)
        value = data[place : place + length]
        if len(value) < length:
            raise NotConvertible
    value = value[:length]
    if kind in (LONG8, IFD8):
        return tag, LONG, count, struct.pack(f">{count}I", *struct.unpack(f">{count}Q", value))
    return tag, kind, count, value


def _written(data: bytes, fields: list[tuple[int, int, int, bytes]]) -> bytes:
    body = data + b"\x00" * (len(data) % 2)
    values_at = len(body) + 2 + 12 * len(fields) + 4
    directory, values = struct.pack(">H", len(fields)), b""
    for tag, kind, count, value in fields:
        within = value.ljust(4, b"\x00") if len(value) <= 4 else struct.pack(">I", values_at + len(values))
        directory += struct.pack(">HHI", tag, kind, count) + within
        if len(value) > 4:
            values += value + b"\x00" * (len(value) % 2)
    return b"MM\x00*" + struct.pack(">I", len(body)) + body[8:] + directory + bytes(4) + values
