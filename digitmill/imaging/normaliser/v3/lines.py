"""The printed lines of a form in the mask of a crop: the frame along its edges, rules and combs across it."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

EDGE = 0.12
"""Outer share of a picture where the lines of a form's box are looked for."""
LINE_FILL = 0.9
"""Share of a row of pixels that is ink where a line runs along it."""
RULE_WIDTH = 0.1
"""Thickest rule across the picture, by its height: a pen's bar is thicker only in a crop that is cut tight."""
RULE_MARGIN = 0.06
"""Share of the width that a rule goes on for past the digit, on both sides."""


def without_lines(mask: Grey) -> Grey:
    """The mask, 0 and 255, without the lines that a form has left in it; itself where there are none."""
    height, width = mask.shape
    _, _, across, down = cv2.boundingRect(mask)
    if across < LINE_FILL * width and down < LINE_FILL * height:
        return mask
    rows = _averages(mask, 1)
    columns = _averages(mask, 0)
    least = LINE_FILL * 255
    if max(cv2.minMaxLoc(rows)[1], cv2.minMaxLoc(columns)[1]) < least:
        return mask
    top, bottom = _edge_lines(rows.ravel() >= least)
    left, right = _edge_lines(columns.ravel() >= least)
    if top or bottom or left or right:
        mask = _without_frame(mask, top, bottom, left, right)
    return _without_rules(_without_rules(mask).T).T


def _averages(mask: Grey, axis: int) -> Grey:
    return cast("Grey", cv2.reduce(mask, axis, cv2.REDUCE_AVG))


def _edge_lines(filled: NDArray[np.bool_]) -> tuple[int, int]:
    """How many rows to cut off at either end so that lines there go, with the grey row beside them."""
    band = max(1, int(len(filled) * EDGE))
    at_start, at_end = np.flatnonzero(filled[:band]), np.flatnonzero(filled[::-1][:band])
    return int(at_start[-1]) + 2 if len(at_start) else 0, int(at_end[-1]) + 2 if len(at_end) else 0


def _without_frame(mask: Grey, top: int, bottom: int, left: int, right: int) -> Grey:
    """The mask without so many rows and columns at its edges.

    Where the rest reaches two of the other edges the crop was cut tight round the digit, and the straight
    stroke at its edge (the bar of a 7, the foot of a 2) belongs to it.
    """
    height, width = mask.shape
    rest = np.zeros_like(mask)
    inside = np.s_[top : height - bottom, left : width - right]
    rest[inside] = mask[inside]
    x, y, across, down = cv2.boundingRect(rest)
    reached = (
        (not top and y == 0)
        + (not bottom and y + down == height)
        + (not left and x == 0)
        + (not right and x + across == width)
    )
    return mask if reached >= 2 else rest


def _without_rules(mask: Grey) -> Grey:
    """The mask without the thin lines that run from its left edge to its right, where they go on past the digit.

    Strokes that cross such a line keep their piece of it.
    """
    height, width = mask.shape
    filled = _averages(mask, 1).ravel() >= LINE_FILL * 255
    thickest = max(2, int(RULE_WIDTH * height))
    rest = mask
    for start, stop in _runs(filled):
        # a line that is a little askew or blurred fills its outer rows in part
        start, stop = max(start - 1, 0), min(stop + 1, height)
        if stop - start > thickest + 2:
            continue
        without = rest.copy()
        without[start:stop] = _crossings(rest, start, stop)
        x, _, across, down = cv2.boundingRect(without)
        margin = RULE_MARGIN * width
        if down and x >= margin and x + across <= width - margin:
            rest = without
    return rest


def _runs(filled: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(first, past the last) of each row of neighbours that are filled."""
    edges = np.flatnonzero(np.diff(filled, prepend=False, append=False)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _crossings(mask: Grey, start: int, stop: int) -> Grey:
    """The rows from ``start`` to ``stop`` where a stroke goes on above and below them; 0 elsewhere."""
    height = mask.shape[0]
    if start == 0 or stop == height:
        return np.zeros_like(mask[start:stop])
    near = np.ones((1, 2 * (stop - start) + 1), np.uint8)
    above, below = cv2.dilate(mask[start - 1 : start], near), cv2.dilate(mask[stop : stop + 1], near)
    return np.asarray(cv2.bitwise_and(mask[start:stop], np.repeat(cv2.bitwise_and(above, below), stop - start, 0)))
