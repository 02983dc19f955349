"""Marks beside their boxes: a cross on the printed label of an option, a ring around that.

They are told where a blank page says what is print, since labels stand beside nearly all boxes to tick. Where letters
cross a mark its strokes are taken out with them: what is left of it comes in pieces.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.cutting import PRINT, Cut, cut_of
from digitmill.forms.geometry import Floats, Quad, homography_between, mapped, quad_of
from digitmill.forms.registration.finding import Registration
from digitmill.forms.template import MarkField, TemplateField

REACH = 3.0
"""Widths of a box to the left and to the right of it in which marks are looked for."""
ROW = 0.8
"""Heights of a box by which another one that stands in its row is off at most."""
NARROWEST = 0.6
"""Widths of a box: boxes that are closer to each other leave no room for a mark."""
OVER = 0.1
"""Heights of a box that are looked at above and below it, beside the margin of every cut."""
LEAST, LONG = 0.03, 0.25
"""Ink of a mark by the area of a box, and its length by the box's height, at least. On 54 drawn pages (seed 4711) no
field had 0.02 where nobody had made a mark there, and each of 98 marks and rings on labels was seen."""
PIECE, APART = 0.12, 0.7
"""Least length of a piece of a mark, and how far its pieces are apart at most, both by the height of a box."""
OTHERS = 0.25
"""Room around the boxes of other fields, by the height of a box to tick, for what spills over there."""
OWN = 0.35
"""Room around a marked box, by its height: a mark that begins there is its own."""


def has_mark_beside(page: Registration, number: int, marked: Collection[str]) -> bool:
    """Whether there is ink enough for a mark beside the boxes of the mark field of this number.

    Args:
        marked: the options with ink in their boxes, which may reach out of them.
    """
    field = page.reference.template.fields[number]
    if not page.reference.template.page.blank or not isinstance(field, MarkField):
        return False
    return any(_has_mark(page, field, gap, marked) for gap in _gaps(page, field.quads))


def _gaps(page: Registration, quads: tuple[Quad, ...]) -> Iterator[Quad]:
    """What lies beside the boxes, on the reference: up to the next box, or as far as marks are looked for."""
    size = page.reference.template.page
    for quad in quads:
        corners = np.array(quad)
        across = (corners[1] + corners[2] - corners[0] - corners[3]) / 2
        down = (corners[3] + corners[2] - corners[0] - corners[1]) / 2
        away = (np.array(quads).mean(axis=1) - corners.mean(axis=0)) @ np.linalg.inv(np.array([across, down]))
        row = away[np.abs(away[:, 1]) < ROW, 0]
        right = min([REACH, *(row[row > 0] - 1)])
        # what is closer to the box before it is looked at from there
        left = min([REACH, *(-row[row < 0] - 1 - REACH)])
        for start, end in ((1.0, 1 + right), (-left, 0.0)):
            steps = np.array([(start, -OVER), (end, -OVER), (end, 1 + OVER), (start, 1 + OVER)])
            gap = np.clip(corners[0] + steps @ np.array([across, down]), 0, (size.width, size.height))
            if end - start >= NARROWEST and (gap[2] - gap[0]).min() >= NARROWEST * min(across[0], down[1]) > 0:
                yield quad_of(gap)


def _has_mark(page: Registration, field: MarkField, gap: Quad, marked: Collection[str]) -> bool:
    cut = cut_of(page, gap)
    high = (cut.box[3] - cut.box[1]) / (1 + 2 * OVER)
    dark = _pieces(cut, PIECE * high)
    if np.count_nonzero(dark) < LEAST * high**2:
        return False
    left, top, right, bottom = cut.box
    way = homography_between(np.array(gap), np.array([(left, top), (right, top), (right, bottom), (left, bottom)]))
    others = _covered(cut, way, _boxes_of_others(page, field), OTHERS * high) | _covered(cut, way, field.quads, 0)
    own = _covered(cut, way, [field.options[name] for name in marked], OWN * high)
    wide = round(APART * high) | 1
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide)))
    many, parts = cv2.connectedComponents(np.asarray(joined, np.uint8))
    parts = np.where(dark > 0, parts, 0)
    found = [(parts == part) & ~others for part in range(1, many) if not (own & (parts == part)).any()]
    ink = sum(int(np.count_nonzero(part)) for part in found)
    return ink >= LEAST * high**2 and max(map(_length, found)) >= LONG * high


def _pieces(cut: Cut, least: float) -> NDArray[np.uint8]:
    """The ink of the cut, 1 and 0, without specks shorter than ``least`` pixels."""
    dark = (cut.ink >= PRINT).astype(np.uint8)
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    longer = statistics[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= least
    longer[0] = False
    return np.asarray(longer[parts], np.uint8)


def _length(part: NDArray[np.bool_]) -> int:
    """Pixels from end to end, across or down, whichever is more."""
    sides = (np.flatnonzero(part.any(axis=axis)) for axis in (0, 1))
    return max(int(side[-1] + 1 - side[0]) if side.size else 0 for side in sides)


def _boxes_of_others(page: Registration, field: TemplateField) -> list[Quad]:
    return [quad for each in page.reference.template.fields if each is not field for quad in each.quads]


def _covered(cut: Cut, way: Floats, quads: Collection[Quad], room: float) -> NDArray[np.bool_]:
    """Where boxes lie, and ``room`` pixels around them, bool of the cut's shape.

    Args:
        way: homography float[3, 3] from the reference to the cut.
    """
    covered = np.zeros(cut.ink.shape, bool)
    if quads:
        points = mapped(way, np.array(quads).reshape(-1, 2)).reshape(-1, 4, 2)
        sides = np.rint(np.hstack((points.min(axis=1) - room, points.max(axis=1) + room))).astype(int)
        for left, top, right, bottom in np.maximum(sides, 0).tolist():
            covered[top:bottom, left:right] = True
    return covered
