"""The parts of a blob that hold a chunk's entries, so that one read normally fetches all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from digitmill.domain.planned import Entry

LARGEST_GAP = 16 << 10
"""Bytes read for nothing rather than asking the storage again."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes ``start`` to ``end`` (exclusive) of the blob; ``positions`` index the entries that lie in them."""

    start: int
    end: int
    positions: tuple[int, ...]


def ranges(entries: Sequence[Entry]) -> list[Range]:
    """The ranges to read for ``entries``, ascending; refused entries need none and are in none.

    Together they are the entries' spans and at most LARGEST_GAP for each entry.
    """
    wanted = [position for position, entry in enumerate(entries) if entry.refused is None]
    wanted.sort(key=lambda position: entries[position].offset)
    found: list[Range] = []
    start = end = 0
    positions: list[int] = []
    for position in wanted:
        entry = entries[position]
        if positions and entry.offset > end + LARGEST_GAP:
            found.append(Range(start, end, tuple(positions)))
            positions = []
        if not positions:
            start = end = entry.offset
        positions.append(position)
        end = max(end, entry.offset + entry.span)
    if positions:
        found.append(Range(start, end, tuple(positions)))
    return found
