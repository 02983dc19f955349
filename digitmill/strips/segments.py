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
    for left, piece in _columns(ink):
        found.extend(_cut(left, piece))
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


def _cut(left: int, piece: Grey) -> list[Segment]:
    height, width = piece.shape
    if width < NARROWEST_CUT * height:
        return [Segment(left, piece, 0.0)]
    seams = _seams(piece)
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


def _seams(piece: Grey) -> list[tuple[NDArray[np.intp], float]]:
    """Paths from top to bottom, the column of each row, which cross little ink; and the ink crossed, by the height."""
    height, width = piece.shape
    spacing, edge = max(3, int(SPACING * height)), max(2, int(EDGE * height))
    # the ink that a straight cut would go through
    profile = cv2.blur(piece.astype(np.float32).sum(axis=0)[None], (3, 1)).ravel()
    chosen: list[int] = []
    for at in range(edge, width - edge):
        near = profile[max(0, at - spacing // 2) : at + spacing // 2 + 1]
        if profile[at] <= near.min() and (not chosen or at - chosen[-1] >= spacing):
            chosen.append(at)
    if not chosen:
        return []
    seams, crossed = _least_ink(piece, np.array(chosen[:MOST_CUTS]), max(2, int(REACH * height)))
    kept: list[tuple[NDArray[np.intp], float]] = []
    for seam, ink in zip(seams, crossed.tolist(), strict=True):
        if kept and np.abs(seam - kept[-1][0]).max() < spacing / 2:
            if ink < kept[-1][1]:
                kept[-1] = (seam, ink)
            continue
        kept.append((np.maximum(seam, kept[-1][0]) if kept else seam, ink))
    return kept


def _least_ink(piece: Grey, starts: NDArray[np.intp], reach: int) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Of each start the path with the least ink within ``reach`` columns of it: the columns [starts, height], and the
    ink that it crosses by the height."""
    height, width = piece.shape
    columns = starts[:, None] + np.arange(-reach, reach + 1)
    inside = (columns >= 0) & (columns < width)
    ink = np.where(inside, piece[:, columns.clip(0, width - 1)] / np.float32(255), np.float32(9)).astype(np.float32)
    steps = np.zeros(ink.shape, np.int8)
    # to begin away from the middle costs a little, so that seams are straight where nothing is to be won
    sums = ink[0] + np.float32(AWAY) * np.abs(np.arange(-reach, reach + 1, dtype=np.float32))
    options = np.full((3, *sums.shape), np.inf, np.float32)
    for row in range(1, height):
        options[0, :, 1:] = sums[:, :-1] + np.float32(ASIDE)
        options[1] = sums
        options[2, :, :-1] = sums[:, 1:] + np.float32(ASIDE)
        steps[row] = options.argmin(axis=0) - 1
        sums = options.min(axis=0) + ink[row]
    every = np.arange(len(starts))
    at = sums.argmin(axis=1)
    paths = np.empty((len(starts), height), np.intp)
    crossed = np.zeros(len(starts), np.float32)
    for row in range(height - 1, -1, -1):
        paths[:, row] = at
        crossed += ink[row, every, at]
        at = at + steps[row, every, at]
    return paths + (starts - reach)[:, None], crossed / np.float32(height)


def joined(segments: list[Segment]) -> Grey:
    """The ink of neighbouring segments as one picture, uint8 [height, width]."""
    left, right = min(each.left for each in segments), max(each.right for each in segments)
    picture = np.zeros((segments[0].ink.shape[0], right - left), np.uint8)
    for each in segments:
        place = picture[:, each.left - left : each.right - left]
        np.maximum(place, each.ink, out=place)
    return cast("Grey", picture)
