"""A PNG without what is said about it: text, times and profiles, of which damage costs no pixel (third edition, 5)."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEAD, CHECKSUM_BYTES = struct.Struct(">I4s"), 4
OF_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
OF_THE_PICTURE = frozenset({b"pHYs", b"eXIf"})
"""Shape of the pixels, and how to turn them."""


def pixels_alone(data: bytes) -> bytes:
    """The PNG with the chunks alone that make the picture, and of those that turn or stretch it the sound ones."""
    kept, place = [SIGNATURE], len(SIGNATURE)
    while place + HEAD.size <= len(data):
        length, name = HEAD.unpack_from(data, place)
        end = place + HEAD.size + length + CHECKSUM_BYTES
        if name in OF_PIXELS or (name in OF_THE_PICTURE and _is_sound(data[place:end])):
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-CHECKSUM_BYTES]) == int.from_bytes(chunk[-CHECKSUM_BYTES:])
