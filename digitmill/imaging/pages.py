"""Where the pages of a TIFF lie, without decoding it (TIFF 6.0, section 2, and the BigTIFF proposal).

A TIFF is a chain of directories, one for each page. Only the chain is walked here, never what they hold.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEAD_BYTES = 4
"""So many first bytes tell a TIFF."""


class BrokenChain(Exception):
    """The chain of pages leads out of the file or back into itself."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one kind of TIFF writes its chain."""

    first_at: int
    count: struct.Struct
    offset: struct.Struct
    entry_bytes: int


_CLASSIC = {order: _Layout(4, struct.Struct(order + "H"), struct.Struct(order + "I"), 12) for order in "<>"}
_BIG = {order: _Layout(8, struct.Struct(order + "Q"), struct.Struct(order + "Q"), 20) for order in "<>"}
_LAYOUTS = {
    b"II*\x00": _CLASSIC["<"],
    b"MM\x00*": _CLASSIC[">"],
    b"II+\x00": _BIG["<"],
    b"MM\x00+": _BIG[">"],
}


def looks_like_tiff(head: bytes | memoryview) -> bool:
    """Whether a file that begins with ``head``, of 4 bytes or more, says that it is a TIFF."""
    return bytes(head[:HEAD_BYTES]) in _LAYOUTS


def count_tiff_pages(data: bytes | memoryview, limit: int) -> int:
    """Pages of the TIFF in ``data``, at most ``limit`` + 1: a longer chain is not walked to its end.

    1 for what is no TIFF, or a damaged one: the decoder says what is wrong with it.
    """
    try:
        return len(page_offsets(data, limit)) if looks_like_tiff(data) else 1
    except BrokenChain:
        return 1


def page_offsets(data: bytes | memoryview, limit: int) -> list[int]:
    """Where the directory of each page lies in the TIFF ``data``, at most ``limit`` + 1 of them, at least one.

    Raises:
        BrokenChain: the chain leads out of the file or back into itself.
    """
    layout = _LAYOUTS[bytes(data[:HEAD_BYTES])]
    seen: dict[int, None] = {}
    try:
        (offset,) = layout.offset.unpack_from(data, layout.first_at)
        while len(seen) <= limit and (offset or not seen):
            if offset in seen or not offset:
                raise BrokenChain
            seen[offset] = None
            (entries,) = layout.count.unpack_from(data, offset)
            (offset,) = layout.offset.unpack_from(data, offset + layout.count.size + entries * layout.entry_bytes)
    except (struct.error, OverflowError) as error:
        raise BrokenChain from error
    return list(seen)


def with_first_page(data: bytes, offset: int) -> bytes:
    """The TIFF ``data`` with its chain beginning at the directory at ``offset``."""
    layout = _LAYOUTS[data[:HEAD_BYTES]]
    return data[: layout.first_at] + layout.offset.pack(offset) + data[layout.first_at + layout.offset.size :]
