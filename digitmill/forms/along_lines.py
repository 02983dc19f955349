"""Strokes along a line of the print: the bar of a 7 on the upper line of its box, the foot of a 2 on the lower.

Taken out with the line, such a stroke would leave another digit. It shows by the line being thicker than it is
elsewhere in the same cut, by whatever the pen is thicker than the line, or lies beside it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]
Mask = NDArray[np.bool_]

LONG = 1 / 3
"""Share of a cut's side that a line covers at least."""
BESIDE = 3
"""Pixels on both sides of a line in which a stroke along it may lie."""
SEEN = 0.3
"""Share of a cut's side in which a line is seen alone at least, so that its usual thickness can be told."""
THIN = 15
"""A line is as thick as at this percentage of its places: at all others there may be strokes."""
THICKER = 1.3
"""Pixels by which a line is thicker where a stroke runs along it."""
PEN = 0.35
"""The same by the thickness of the pen."""
UNEVEN = 3.0
"""The same by how much the thickness of the line alone varies."""
GAP = 5
"""Pixels of a stroke's length that may miss."""
SHORTEST, LONGER = 3, 0.08
"""How long a stroke is at least, beside what crosses the line: in pixels, and by the cut's side. One that only ends on
the line does not run along it."""
COLUMN = np.ones((3, 1), np.uint8)


def along_lines(ink: Grey, covered: Mask, rest: Mask, pen: float) -> Mask:
    """Where the print has straight lines, upright or level, and strokes run along them.

    Args:
        ink: uint8 [height, width] with print, 0 for paper to 255.
        covered: bool of the same shape, true on print.
        rest: bool, true on the strokes that are left without print.
        pen: pixels across the usual one of them.
    """
    return np.asarray(_along_level(ink, covered, rest, pen) | _along_level(ink.T, covered.T, rest.T, pen).T, np.bool_)


def _along_level(ink: Grey, covered: Mask, rest: Mask, pen: float) -> Mask:
    found = np.zeros(ink.shape, bool)
    width = ink.shape[1]
    dark = np.ascontiguousarray(covered, np.uint8)
    lines = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, max(SHORTEST, round(LONG * width))), np.uint8))
    many, parts, places, _ = cv2.connectedComponentsWithStats(np.asarray(lines, np.uint8), connectivity=8)
    for part in range(1, many):
        _, top, long, high, _ = places[part].tolist()
        if high <= long / 2:
            rows = slice(max(0, top - BESIDE - 1), top + high + BESIDE + 1)
            found[rows] |= _along_one(
                ink[rows], covered[rows], np.asarray(parts[rows] == part, np.bool_), rest[rows], pen
            )
    return found


def _along_one(ink: Grey, covered: Mask, line: Mask, rest: Mask, pen: float) -> Mask:
    """The same along one level line, of which these are the rows."""
    below = np.ones((2 * BESIDE + 1, 1), np.uint8)
    band = np.asarray(cv2.dilate(line.astype(np.uint8), below)) > 0
    alone = line.any(axis=0) & ~(covered & ~line & band).any(axis=0)
    if np.count_nonzero(alone) < SEEN * ink.shape[1]:
        return np.zeros(ink.shape, bool)
    thickness = (ink * band).sum(axis=0) / 255
    seen = np.sort(thickness[alone])
    thin = len(seen) * THIN // 100
    usual = seen[thin]
    varies = usual - seen[: thin + 1].mean()
    thicker = (alone & (thickness >= usual + max(THICKER, UNEVEN * varies, PEN * pen))).astype(np.uint8)[None]
    closed = cv2.morphologyEx(thicker, cv2.MORPH_CLOSE, np.ones((1, GAP), np.uint8))
    beyond = (np.asarray(cv2.dilate(band.astype(np.uint8), COLUMN)) > 0) & ~band
    crossed = (rest & beyond).any(axis=0)
    many, runs = cv2.connectedComponents(np.asarray(closed, np.uint8))
    free = np.bincount(runs[0], minlength=many) - np.bincount(runs[0][crossed], minlength=many)
    long = free >= max(SHORTEST, LONGER * ink.shape[1])
    long[0] = False
    return np.asarray(band & long[runs[0]], np.bool_)
