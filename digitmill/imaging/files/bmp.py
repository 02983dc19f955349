"""Whether a BMP holds a whole JPEG or PNG in place of pixels (BITMAPV4HEADER): Pillow takes it for damaged."""

from __future__ import annotations

import struct

from digitmill.errors import FailureCode, ItemFailure

HEADER = struct.Struct("<14xI12xI")
"""Size of the header, and how the pixels are compressed."""
SHORTEST_HEADER = 40
JPEG, PNG = 4, 5


def holds_another(data: bytes) -> bool:
    if len(data) < HEADER.size:
        return False
    size, compression = HEADER.unpack_from(data)
    return size >= SHORTEST_HEADER and compression in (JPEG, PNG)


def unsupported() -> ItemFailure:
    return ItemFailure(
        FailureCode.UNSUPPORTED_FORMAT, "This BMP holds a JPEG or PNG, which is not read. Save it as PNG or JPEG."
    )
