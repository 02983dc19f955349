"""What the codestream of a JPEG 2000 declares (T.800, annex A), whatever the boxes around it say.

The decoder makes a picture of any part of a codestream, black where the rest was to be: that all of it is there is
found out here.
"""

from __future__ import annotations

import struct

CODESTREAM = b"\xff\x4f\xff\x51"
START_OF_TILE_PART, END = 0xFF90, 0xFFD9
SIZE = struct.Struct(">2x2x8I")
"""Length, capabilities, then right, bottom, left and top of the picture, and width, height, left and top of tiles."""
SEGMENT = struct.Struct(">HH")
TILE_PART = struct.Struct(">HHHI")
"""Marker, length, number of the tile, bytes of this part of it."""


class Incomplete(Exception):
    """The codestream breaks off, or lacks tiles."""


def declared_pixels(data: bytes) -> int:
    """Pixels of the picture or of one tile, whichever is more.

    Raises:
        Incomplete: there is no codestream, or less of it than its header says.
    """
    start = data.find(CODESTREAM)
    try:
        right, bottom, left, top, tile_width, tile_height, tiles_left, tiles_top = SIZE.unpack_from(
            data, start + len(CODESTREAM)
        )
        across, down = -(-(right - tiles_left) // tile_width), -(-(bottom - tiles_top) // tile_height)
        if start < 0 or _tiles(data, start + 2) != across * down:
            raise Incomplete
    except (struct.error, ZeroDivisionError) as error:
        raise Incomplete from error
    return int(max(right - left, tile_width) * max(bottom - top, tile_height))


def _tiles(data: bytes, place: int) -> int:
    """How many tiles there are, none of which lacks a part; ``place`` is behind the codestream's first marker."""
    marker, length = SEGMENT.unpack_from(data, place)
    while marker != START_OF_TILE_PART:
        place += 2 + max(length, 2)
        marker, length = SEGMENT.unpack_from(data, place)
    found = set()
    while marker == START_OF_TILE_PART:
        _, _, tile, length = TILE_PART.unpack_from(data, place)
        found.add(tile)
        if length == 0:
            # the last part goes to the end
            return len(found) if data.rfind(END.to_bytes(2, "big")) > place else 0
        place += max(length, TILE_PART.size)
        (marker,) = struct.unpack_from(">H", data, place)
    return len(found) if marker == END else 0
