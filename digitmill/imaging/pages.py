"""How many pages a TIFF has, without decoding it (TIFF 6.0, section 2; BigTIFF)."""

from __future__ import annotations

import struct

_ORDERS = {b"II": "<", b"MM": ">"}
_CLASSIC, _BIG = 42, 43


def looks_like_tiff(head: bytes | memoryview) -> bool:
    """Whether a file that begins with ``head`` (4 bytes or more) says that it is a TIFF."""
    order = _ORDERS.get(bytes(head[:2]))
    return order is not None and len(head) >= 4 and struct.unpack_from(f"{order}H", head, 2)[0] in (_CLASSIC, _BIG)


def count_tiff_pages(data: bytes | memoryview, limit: int) -> int:
    """Pages of the TIFF in ``data``, at most ``limit`` + 1: a chain that is longer is not walked to its end.

    1 for what is no TIFF, or damaged: the decoder will say what is wrong with it.
    """
    if not looks_like_tiff(data[:4]):
        return 1
    order = _ORDERS[bytes(data[:2])]
    big = struct.unpack_from(f"{order}H", data, 2)[0] == _BIG
    count_format, offset_format, entry_bytes = (f"{order}Q", f"{order}Q", 20) if big else (f"{order}H", f"{order}I", 12)
    seen: set[int] = set()
    try:
        (offset,) = struct.unpack_from(offset_format, data, 8 if big else 4)
        while offset and len(seen) <= limit:
            if offset in seen:
                return 1
            seen.add(offset)
            (entries,) = struct.unpack_from(count_format, data, offset)
            following = offset + struct.calcsize(count_format) + entries * entry_bytes
            (offset,) = struct.unpack_from(offset_format, data, following)
    except (struct.error, OverflowError):
        return 1
    return max(1, len(seen))
