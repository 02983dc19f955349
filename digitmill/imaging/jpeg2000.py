"""What the codestream of a JPEG 2000 declares (T.800, A.5.1), whatever the boxes around it say."""

from __future__ import annotations

import struct

CODESTREAM = b"\xff\x4f\xff\x51"
SIZE = struct.Struct(">2x2x8I")
"""Length, capabilities, then right, bottom, left and top of the picture, and width, height, left, top of tiles."""


def declared_pixels(data: bytes) -> int:
    """Pixels of the picture or of one tile, whichever is more; 0 where there is no codestream."""
    place = data.find(CODESTREAM)
    if place < 0 or len(data) < place + len(CODESTREAM) + SIZE.size:
        return 0
    right, bottom, left, top, tile_width, tile_height, _, _ = SIZE.unpack_from(data, place + len(CODESTREAM))
    width, height = max(right - left, 0), max(bottom - top, 0)
    return max(width * height, min(tile_width, right) * min(tile_height, bottom))
