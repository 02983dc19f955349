"""The printed lines of a form in the mask of a crop: the frame along its edges, rules and combs across it.

A stroke of the digit looks like a line where the crop was cut close to it. So a line is taken out on evidence alone:
it runs from edge to edge, it is thin, and what is left without it stays clear of the crop's other edges. In doubt the
ink stays, and the network sees it.
"""

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
THIN = 4
"""Rows, two of them grey, of a line that no pen draws across a whole crop."""
INSET = 4
"""Pixels between the frame of a box and the edge of the crop, at most."""
MARGIN = 0.06
"""Share of the width or height that a line goes on for past the digit, at both ends."""
CLEAR = 0.045
"""Share of the height or width that a digit keeps from the edge of a crop that was not cut at its ink."""

FRAME, FRAMED_SIDE = 0.18, 16
"""Outer share of a crop that all of an empty box's frame lies in, and the least side, in pixels, of such a crop."""
FRAME_FILL, FRAME_THICKNESS, FRAME_REST = 0.95, 0.12, 0.04
"""Of a line of it: the share of its row that is ink, and how thick it is by the crop's side at most; and the share of
all ink that is left beside such lines."""
WIDE = 0.6
"""Least width by height of a crop where a line at one side is no 1."""
PRINTED = 0.035
"""Thickest of lines that are no pen's, by the crop's longest side."""


def without_lines(mask: Grey) -> Grey:
    """The mask, 0 and 255, without the lines that a form has left in it; itself where there are none.

    It comes back empty where there are lines and nothing else.
    """
    height, width = mask.shape
    _, _, across, down = cv2.boundingRect(mask)
    if across < LINE_FILL * width and down < LINE_FILL * height:
        return mask
    level, upright = _all_lines(mask)
    if not level and not upright:
        return mask
    rest = _without(_without(mask, level).T, upright).T
    for start, stop in level:
        for first, last in upright:
            rest[start:stop, first:last] = 0
    if _is_proven(mask, rest, level, upright):
        return np.ascontiguousarray(rest)
    # each line by itself may be one where all of them together are not
    for lines, turned in ((level, False), (upright, True)):
        for line in lines:
            one = _without(mask.T, [line]).T if turned else _without(mask, [line])
            if _is_proven(mask, one, *(([], [line]) if turned else ([line], []))):
                mask = np.ascontiguousarray(one)
    return mask


def is_frame(mask: Grey) -> bool:
    """Whether all ink is straight thin lines along the sides of the crop, each from edge to edge: a box with nothing
    in it, of whose frame some sides are in the crop.

    One line stands in a crop that is too wide for a lone 1. Two that meet at the top and the right are the strokes of
    a 7 that was cut at its ink, unless one goes on beyond where they cross or both are thin.
    """
    height, width = mask.shape
    down, across = max(2, int(FRAME * height)), max(2, int(FRAME * width))
    if min(mask.shape) < FRAMED_SIDE or cv2.countNonZero(mask[down : height - down, across : width - across]):
        return False
    level, upright = _side_lines(mask, down), _side_lines(mask.T, across)
    rest = mask.copy()
    for start, stop in level:
        rest[max(start - 1, 0) : stop + 1] = 0
    for start, stop in upright:
        rest[:, max(start - 1, 0) : stop + 1] = 0
    if not level + upright or cv2.countNonZero(rest) > FRAME_REST * cv2.countNonZero(mask):
        return False
    if len(level) + len(upright) > 2 or not upright:
        return True
    if not level:
        return len(upright) > 1 or width >= WIDE * height
    return len(level) > 1 or len(upright) > 1 or not _may_be_seven(mask, level[0], upright[0])


def _side_lines(mask: Grey, depth: int) -> list[tuple[int, int]]:
    """(first, past the last) row of the lines in the ``depth`` rows at the top and at the bottom, at most one in each.

    A line fills its rows from the left edge of the mask to the right one, and is no thicker than print.
    """
    height = mask.shape[0]
    filled = cv2.reduce(mask, 1, cv2.REDUCE_AVG).ravel() >= FRAME_FILL * 255
    found = []
    for first, last in ((0, depth), (height - depth, height)):
        rows = np.flatnonzero(filled[first:last])
        # a line that is askew or whose edges are blurred fills its outer rows in part
        if rows.size and rows[-1] - rows[0] < max(4, FRAME_THICKNESS * height):
            found.append((int(first + rows[0]), int(first + rows[-1]) + 1))
    return found


def _may_be_seven(mask: Grey, level: tuple[int, int], upright: tuple[int, int]) -> bool:
    """Whether two lines that meet do so at the top and the right, neither goes on beyond the other, one is thick."""
    height, width = mask.shape
    if level[0] > height / 2 or upright[0] < width / 2:
        return False
    above = level[0] > 0 and mask[0, sum(upright) // 2]
    beside = upright[1] < width and mask[sum(level) // 2, -1]
    thin = max(level[1] - level[0], upright[1] - upright[0]) <= max(2, PRINTED * max(height, width))
    return not above and not beside and not thin


def is_print(mask: Grey) -> bool:
    """Whether lines that are all there is are a form's: two that meet may be the strokes of a 7."""
    level, upright = _all_lines(mask)
    if not level or not upright or all(stop - start <= THIN for start, stop in level + upright):
        return True
    return all(_at_edges(level, mask.shape[0])) or all(_at_edges(upright, mask.shape[1]))


def _all_lines(mask: Grey) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """The level lines, (first, past the last) row of each, and the upright ones.

    The sides of a whole frame may keep away from the edges of the crop; other lines reach them.
    """
    level, upright = _lines(mask, INSET), _lines(mask.T, INSET)
    if all(_at_edges(level, mask.shape[0])) and all(_at_edges(upright, mask.shape[1])):
        return level, upright
    return _lines(mask, 2), _lines(mask.T, 2)


def _lines(mask: Grey, reach: int) -> list[tuple[int, int]]:
    """(first, past the last) row of each thin line that runs from the left edge of the mask to its right.

    It begins and ends within ``reach`` pixels of them.
    """
    height = mask.shape[0]
    filled = cast("Grey", cv2.reduce(mask, 1, cv2.REDUCE_AVG)).ravel() >= LINE_FILL * 255
    if not filled.any():
        return []
    thickest = max(2, int(RULE_WIDTH * height)) + 2
    found = []
    edges = np.flatnonzero(np.diff(filled, prepend=False, append=False)).tolist()
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        # a line that is a little askew or blurred fills its outer rows in part
        start, stop = max(start - 1, 0), min(stop + 1, height)
        line = mask[start:stop]
        if stop - start <= thickest and line[:, :reach].any() and line[:, -reach:].any():
            found.append((start, stop))
    return found


def _without(mask: Grey, lines: list[tuple[int, int]]) -> Grey:
    """A copy of the mask where of each line only the pieces are left that a stroke crosses."""
    rest = mask.copy()
    for start, stop in lines:
        rest[start:stop] = _crossings(rest, start, stop)
    return rest


def _is_proven(mask: Grey, rest: Grey, level: list[tuple[int, int]], upright: list[tuple[int, int]]) -> bool:
    """Whether what was taken from ``mask`` to leave ``rest`` was a form's."""
    height, width = mask.shape
    x, y, across, down = cv2.boundingRect(rest)
    top, bottom = _at_edges(level, height)
    left, right = _at_edges(upright, width)
    if not across:
        return True
    # a line in the middle goes on past the digit at both ends
    if len(level) > top + bottom and not (x >= MARGIN * width and x + across <= (1 - MARGIN) * width):
        return False
    if len(upright) > left + right and not (y >= MARGIN * height and y + down <= (1 - MARGIN) * height):
        return False
    clear = (
        (top or y >= CLEAR * height)
        + (bottom or y + down <= (1 - CLEAR) * height)
        + (left or x >= CLEAR * width)
        + (right or x + across <= (1 - CLEAR) * width)
    )
    # no digit has two straight sides that run along the whole crop
    return clear == 4 or (top and bottom) or (left and right)


def _at_edges(lines: list[tuple[int, int]], extent: int) -> tuple[bool, bool]:
    """Whether there are lines at the beginning and at the end of ``extent`` pixels."""
    band = max(2, int(extent * EDGE) + 1)
    return any(start < band for start, _ in lines), any(stop > extent - band for _, stop in lines)


def _crossings(mask: Grey, start: int, stop: int) -> Grey:
    """The rows from ``start`` to ``stop`` where a stroke goes on above and below them; 0 elsewhere."""
    height = mask.shape[0]
    if start == 0 or stop == height:
        return np.zeros_like(mask[start:stop])
    near = np.ones((1, 2 * (stop - start) + 1), np.uint8)
    above, below = cv2.dilate(mask[start - 1 : start], near), cv2.dilate(mask[stop : stop + 1], near)
    return np.asarray(cv2.bitwise_and(mask[start:stop], np.repeat(cv2.bitwise_and(above, below), stop - start, 0)))
