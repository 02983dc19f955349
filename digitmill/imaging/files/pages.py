"""Where the pages of a TIFF lie, without decoding it (TIFF 6.0, section 2, and the BigTIFF proposal).

A TIFF is a chain of directories. Most are pages; some are thumbnails, masks or the levels of a pyramid, which belong to
the page before them. Only the chain is walked here, and of each directory the few entries that tell which it is.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

HEAD_BYTES = 4
"""So many first bytes tell a TIFF."""
WALKED = 10_000
"""So many directories are walked at most, and as many as there may be pages."""
ENTRIES = 64
"""So many entries of a directory are looked at. They stand in rising order, and the first ones matter here."""

NEW_SUBFILE_TYPE, SUBFILE_TYPE, WIDTH, LENGTH, PAGE_NUMBER = 254, 255, 256, 257, 297
REDUCED, PAGE, MASK = 1, 2, 4
"""Bits of NewSubfileType."""
OLD_REDUCED = 2
"""The value of the older SubfileType that says the same as REDUCED."""


class BrokenChain(Exception):
    """The chain of pages leads out of the file or back into itself."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one kind of TIFF writes its chain. ``short`` and ``long`` are how a value lies within an entry."""

    first_at: int
    count: struct.Struct
    offset: struct.Struct
    entry: struct.Struct
    short: struct.Struct
    long: struct.Struct


_Values = Mapping[int, int]
"""Those of a directory's first entries that are whole numbers, by tag; of several numbers, the first."""


def _layout(order: str, first_at: int, count: str, offset: str, value: str) -> _Layout:
    return _Layout(
        first_at,
        struct.Struct(order + count),
        struct.Struct(order + offset),
        struct.Struct(order + "HH" + offset + value),
        struct.Struct(order + "H"),
        struct.Struct(order + "I"),
    )


_LAYOUTS = {
    b"II*\x00": _layout("<", 4, "H", "I", "4s"),
    b"MM\x00*": _layout(">", 4, "H", "I", "4s"),
    b"II+\x00": _layout("<", 8, "Q", "Q", "8s"),
    b"MM\x00+": _layout(">", 8, "Q", "Q", "8s"),
}
_SHORT, _LONG = 3, 4


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
    directories = _walk(data, limit)
    pages, before = [], None
    for offset, values in directories.items():
        if not values or not (_is_reduced_or_mask(values) or _is_next_level(values, before)):
            pages.append(offset)
        before = values
    # a file of thumbnails alone, such as a camera's preview, is the picture that it is
    return pages[: limit + 1] or list(directories)[:1]


def directory_offsets(data: bytes | memoryview, limit: int) -> list[int]:
    """As ``page_offsets``, with thumbnails, masks and levels: as pages were counted before these were told apart."""
    return list(_walk(data, limit))[: limit + 1]


def first_directory(data: bytes | memoryview) -> int:
    """Where the chain of the TIFF ``data`` begins. Raises BrokenChain where it does not say."""
    layout = _LAYOUTS[bytes(data[:HEAD_BYTES])]
    try:
        (offset,) = layout.offset.unpack_from(data, layout.first_at)
    except struct.error as error:
        raise BrokenChain from error
    return int(offset)


def first_values(data: bytes) -> Mapping[int, int]:
    """Whole numbers among the first entries of the first directory, by tag; none where there is no directory."""
    try:
        offset = first_directory(data)
        layout = _LAYOUTS[data[:HEAD_BYTES]]
        (entries,) = layout.count.unpack_from(data, offset)
        return _values(data, offset + layout.count.size, entries, layout)
    except (BrokenChain, struct.error, OverflowError):
        return {}


def with_first_page(data: bytes, offset: int) -> bytes:
    """The TIFF ``data`` with its chain beginning at the directory at ``offset``."""
    layout = _LAYOUTS[data[:HEAD_BYTES]]
    return data[: layout.first_at] + layout.offset.pack(offset) + data[layout.first_at + layout.offset.size :]


def _walk(data: bytes | memoryview, limit: int) -> dict[int, _Values]:
    """By where each directory lies, what tells of its kind; nothing where it does not begin with that."""
    layout = _LAYOUTS[bytes(data[:HEAD_BYTES])]
    offset = first_directory(data)
    seen: dict[int, _Values] = {}
    pages, most = 0, max(limit, WALKED)
    try:
        while pages <= limit and len(seen) <= most and (offset or not seen):
            if offset in seen or not offset:
                raise BrokenChain
            (entries,) = layout.count.unpack_from(data, offset)
            start = offset + layout.count.size
            # tags stand in rising order: mostly the first one shows that there is nothing to be told
            (tag,) = layout.short.unpack_from(data, start)
            values = _values(data, start, entries, layout) if tag <= SUBFILE_TYPE else {}
            seen[offset] = values
            pages += not (values and _is_reduced_or_mask(values))
            (offset,) = layout.offset.unpack_from(data, start + entries * layout.entry.size)
    except (struct.error, OverflowError) as error:
        raise BrokenChain from error
    return seen


def _values(data: bytes | memoryview, start: int, entries: int, layout: _Layout) -> dict[int, int]:
    found = {}
    size = layout.entry.size
    whole = max(0, min(entries, ENTRIES, (len(data) - start) // size))
    for tag, kind, _, value in layout.entry.iter_unpack(data[start : start + whole * size]):
        if kind in (_SHORT, _LONG):
            (found[tag],) = (layout.short if kind == _SHORT else layout.long).unpack_from(value)
    return found


def _is_reduced_or_mask(values: _Values) -> bool:
    return bool(values.get(NEW_SUBFILE_TYPE, 0) & (REDUCED | MASK)) or values.get(SUBFILE_TYPE) == OLD_REDUCED


def _is_next_level(values: _Values, before: _Values | None) -> bool:
    """Whether this is the level of a pyramid that follows the directory ``before``, as ImageMagick writes it: called a
    page, with the number of the page before and half its sides. Pages of their own have other numbers."""
    if not before or not values.get(NEW_SUBFILE_TYPE, 0) & PAGE or PAGE_NUMBER not in values:
        return False
    sides = ((values.get(side, 0), before.get(side, 0)) for side in (WIDTH, LENGTH))
    return values[PAGE_NUMBER] == before.get(PAGE_NUMBER) and all(
        here in (there // 2, -(-there // 2)) for here, there in sides
    )
