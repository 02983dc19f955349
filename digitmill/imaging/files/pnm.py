"""Where the pictures of a PGM, PPM or PBM lie: one file may hold several, one behind the other (Netpbm, pgm(5))."""

from __future__ import annotations

import re

from digitmill.errors import FailureCode, ItemFailure

# a comment ends with its line; one white space alone stands before the pixels
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_HEADS = {
    b"P4": re.compile(rb"P4%s(\d{1,9})%s(\d{1,9})\s" % (_GAP, _GAP)),
    b"P5": re.compile(rb"P5%s(\d{1,9})%s(\d{1,9})%s(\d{1,5})\s" % (_GAP, _GAP, _GAP)),
    b"P6": re.compile(rb"P6%s(\d{1,9})%s(\d{1,9})%s(\d{1,5})\s" % (_GAP, _GAP, _GAP)),
}
_IN_LETTERS = re.compile(rb"(?:\A|[\r\n][ \t]*)(P[123]\s)")
_SPACE = re.compile(rb"\s*")
BYTE = 255
"""The highest value that takes one byte; higher ones take two."""


def count_pnm_pictures(data: bytes, limit: int) -> int:
    """How many pictures there are, 1 to ``limit`` + 1: more are not looked for."""
    return max(1, len(_places(data, limit)))


def picture_of(data: bytes, page: int, pages: int) -> bytes:
    """One of the ``pages`` pictures, from 0, as a file of its own. Raises ItemFailure where they are not so many."""
    places = _places(data, pages) or [0]
    if len(places) != pages:
        raise ItemFailure(
            FailureCode.UNSUPPORTED_FORMAT,
            "This file has several pictures. Name it .pnm, so that each of them becomes an image of its own.",
        )
    return data[places[page] :] if page + 1 == pages else data[places[page] : places[page + 1]]


def _places(data: bytes, limit: int) -> list[int]:
    places: list[int] = []
    if data[:2] not in _HEADS:
        for found in _IN_LETTERS.finditer(data):
            places.append(found.start(1))
            if len(places) > limit:
                break
        return places
    place = 0
    while len(places) <= limit:
        head = _HEADS[data[place : place + 2]].match(data, place) if data[place : place + 2] in _HEADS else None
        if head is None:
            break
        places.append(place)
        place = head.end() + _pixel_bytes(*head.groups(), coloured=head[0].startswith(b"P6"))
        place = _SPACE.match(data, min(place, len(data))).end()  # type: ignore[union-attr]
    return places


def _pixel_bytes(width: bytes, height: bytes, most: bytes | None = None, *, coloured: bool) -> int:
    if most is None:
        return (int(width) + 7) // 8 * int(height)
    return int(width) * int(height) * (1 if int(most) <= BYTE else 2) * (3 if coloured else 1)
