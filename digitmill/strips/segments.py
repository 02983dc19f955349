"""The ink of a strip cut into pieces, each a digit or a part of one: over-segmentation.

Ink that touches is cut along the seam with the least ink (a path from top to bottom found by dynamic programming),
at more places than there are digits. Which neighbouring pieces make up one digit is for the lattice to say.
See Casey and Lecolinet, "A survey of methods and strategies in character segmentation", 1996.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Seam = tuple[NDArray[np.intp], float]
"""The column of each row, and the ink that is crossed, 0 to 1 by the height."""

INK = 80
"""Least level of a pixel that counts as ink."""
NARROWEST_CUT = 0.42
"""Least width of connected ink, by the strip's height, that is cut at all."""
EDGE = 0.1
"""Share of the height that a cut keeps away from both ends of connected ink."""
REACH = 0.18
"""How far, by the height, a seam may swerve."""
SPACING = 0.14
"""Least distance of two cuts by the height."""
AWAY, ASIDE = 0.004, 0.01
"""What a seam's way costs, in full pixels of ink: to begin a column away from its place, and to step aside by one."""
MOST_CUTS = 96
"""In all: 32 digits that all touch."""
OVERLAP = 0.6
"""Pieces that lie above each other by this share of the narrower one's width belong together."""


@dataclass(frozen=True)
class Segment:
    """One piece of ink. ``ink`` uint8 [height of the strip, width], at column ``left``.

    ``cut`` is the ink, 0 to 1 by the height of the strip, that the seam on its left went through; 0 for a gap.
    """

    left: int
    ink: Grey
    cut: float

    @property
    def right(self) -> int:
        return self.left + int(self.ink.shape[1])


def segments_of(ink: Grey) -> list[Segment]:
    """The pieces of ``ink``, uint8 [height, width] as ``strip_ink`` gives it, from left to right."""
    found: list[Segment] = []
    pieces = _columns(ink)
    for (left, piece), seams in zip(pieces, _seams([piece for _, piece in pieces]), strict=True):
        found.extend(_cut(left, piece, seams))
    return found


def _columns(ink: Grey) -> list[tuple[int, Grey]]:
    """Connected ink, those pieces joined that stand above each other, as (left edge, picture) from left to right."""
    mask = cv2.threshold(ink, INK, 255, cv2.THRESH_BINARY)[1]
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    boxes = sorted((int(statistics[n, 0]), int(statistics[n, 0] + statistics[n, 2]), [n]) for n in range(1, count))
    joined: list[tuple[int, int, list[int]]] = []
    for left, right, names in boxes:
        if joined and _stands_over(joined[-1], (left, right)):
            before = joined.pop()
            joined.append((before[0], max(before[1], right), before[2] + names))
        else:
            joined.append((left, right, names))
    grown = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    pictures = []
    for left, right, names in joined:
        first, last = max(0, left - 1), min(ink.shape[1], right + 1)
        own = np.isin(labels[:, first:last], names)
        if len(joined) > 1:
            near = cv2.dilate(own.astype(np.uint8), np.ones((3, 3), np.uint8)) & ((labels[:, first:last] == 0) | own)
        else:
            near = grown[:, first:last] > 0
        pictures.append((first, np.where(near, ink[:, first:last], np.uint8(0))))
    return pictures


def _stands_over(one: tuple[int, int, list[int]], other: tuple[int, int]) -> bool:
    overlap = min(one[1], other[1]) - max(one[0], other[0])
    return overlap >= OVERLAP * min(one[1] - one[0], other[1] - other[0])


def _cut(left: int, piece: Grey, seams: list[Seam]) -> list[Segment]:
    height, width = piece.shape
    if width < NARROWEST_CUT * height:
        return [Segment(left, piece, 0.0)]
    segments, before, cost = [], np.zeros(height, np.intp), 0.0
    columns = np.arange(width)
    for seam, crossed in [*seams, (np.full(height, width), 0.0)]:
        part = np.where((columns >= before[:, None]) & (columns < seam[:, None]), piece, np.uint8(0))
        inked = np.flatnonzero((part > INK).any(axis=0))
        if len(inked):
            first, last = int(inked[0]), int(inked[-1]) + 1
            first, last = max(0, first - 1), min(width, last + 1)
            segments.append(Segment(left + first, np.ascontiguousarray(part[:, first:last]), cost))
            cost = crossed
        before = seam
    return segments


def _seams(pieces: list[Grey]) -> list[list[Seam]]:
    """Of each piece of a strip the paths from its top to its bottom that cross little ink, from left to right."""
    starts = [_thin(piece) for piece in pieces]
    if not sum(map(len, starts)):
        return [[] for _ in pieces]
    reach = max(2, int(REACH * pieces[0].shape[0]))
    windows = [_around(piece, own, reach) for piece, own in zip(pieces, starts, strict=True)]
    ways, crossed = _least_ink(np.concatenate(windows, axis=1))
    found, first = [], 0
    for own in starts:
        last = first + len(own)
        found.append(_apart(ways[first:last] + (own - reach)[:, None], crossed[first:last]))
        first = last
    return found


def _thin(piece: Grey) -> NDArray[np.intp]:
    """Columns at which a wide piece is cut: where a straight cut would go through little ink."""
    height, width = piece.shape
    chosen: list[int] = []
    if width >= NARROWEST_CUT * height:
        spacing, edge = _spacing(height), max(2, int(EDGE * height))
        profile = cv2.blur(piece.astype(np.float32).sum(axis=0)[None], (3, 1)).ravel()
        for at in range(edge, width - edge):
            near = profile[max(0, at - spacing // 2) : at + spacing // 2 + 1]
            if profile[at] <= near.min() and (not chosen or at - chosen[-1] >= spacing):
                chosen.append(at)
    return np.array(chosen[:MOST_CUTS], np.intp)


def _spacing(height: int) -> int:
    return max(3, int(SPACING * height))


def _around(piece: Grey, starts: NDArray[np.intp], reach: int) -> NDArray[np.float32]:
    """The ink within ``reach`` columns of each start, 0 to 1, 9 beside the piece: float32 [height, starts, columns]."""
    columns = starts[:, None] + np.arange(-reach, reach + 1)
    inside = (columns >= 0) & (columns < piece.shape[1])
    return np.where(inside, piece[:, columns.clip(0, piece.shape[1] - 1)] / np.float32(255), np.float32(9))


def _least_ink(ink: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Through each window of [height, windows, columns] the path with the least ink: its columns [windows, height],
    and the ink that it crosses by the height."""
    height, many, wide = ink.shape
    steps = np.zeros(ink.shape, np.int8)
    # to begin away from the middle costs a little, so that seams are straight where nothing is to be won
    sums = ink[0] + np.float32(AWAY) * np.abs(np.arange(wide, dtype=np.float32) - wide // 2)
    options = np.full((3, *sums.shape), np.inf, np.float32)
    for row in range(1, height):
        options[0, :, 1:] = sums[:, :-1] + np.float32(ASIDE)
        options[1] = sums
        options[2, :, :-1] = sums[:, 1:] + np.float32(ASIDE)
        steps[row] = options.argmin(axis=0) - 1
        sums = options.min(axis=0) + ink[row]
    every = np.arange(many)
    at = sums.argmin(axis=1)
    paths = np.empty((many, height), np.intp)
    crossed = np.zeros(many, np.float32)
    for row in range(height - 1, -1, -1):
        paths[:, row] = at
        crossed += ink[row, every, at]
        at = at + steps[row, every, at]
    return paths, crossed / np.float32(height)


def _apart(seams: NDArray[np.intp], crossed: NDArray[np.float32]) -> list[Seam]:
    """The same, each at the right of the one before; of two that lie close the one that crosses less."""
    kept: list[Seam] = []
    for seam, ink in zip(seams, crossed.tolist(), strict=True):
        if kept and np.abs(seam - kept[-1][0]).max() < _spacing(len(seam)) / 2:
            if ink < kept[-1][1]:
                kept[-1] = (seam, ink)
            continue
        kept.append((np.maximum(seam, kept[-1][0]) if kept else seam, ink))
    return kept


def joined(segments: list[Segment]) -> Grey:
    """The ink of neighbouring segments as one picture, uint8 [height, width]."""
    left, right = min(each.left for each in segments), max(each.right for each in segments)
    picture = np.zeros((segments[0].ink.shape[0], right - left), np.uint8)
    for each in segments:
        place = picture[:, each.left - left : each.right - left]
        np.maximum(place, each.ink, out=place)
    return cast("Grey", picture)
