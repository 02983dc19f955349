"""What a page has to write into: cells that printed lines enclose, the teeth of combs, and bubbles.

The page may be blank or filled, and slightly turned. Lines are what runs straight for some millimetres and is thin, so
that handwriting and words are none; a cell is a piece of paper with lines all around it that has four right angles.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.ink import ink_of, resized

Grey = NDArray[np.uint8]

WORK_DPI = 170.0
MM = WORK_DPI / 25.4
"""Pixels of a millimetre in the picture that is searched."""
DARK = 70
"""Ink, 0 to 255, from which on a pixel is dark."""
FAINT = 30
"""Ink by which a line may be darker than what is on both sides of it: some forms print their boxes in pale grey."""
SHORTEST = round(2.9 * MM)
"""Pixels of a line."""
THICKEST = round(1.3 * MM)
DOTS = round(1.7 * MM)
"""Pixels between two dots of a dotted line, at most."""
MOST_TURN = 6.0
"""Degrees."""
SMALLEST, HIGHEST, WIDEST = 2.5 * MM, 25 * MM, 0.85
"""Of cells: the shorter side and the height in pixels, and the width by the page's."""
RECTANGULAR, FREE = 0.86, 0.45
"""Shares of the rectangle around a cell: of the cell's hull, and of its paper, which handwriting takes some of."""
SEEN = 0.6
"""Share of a cell that is not taken by smaller ones within it."""
FRAMED = 0.75
"""Share of each side of a cell that a line runs along, where only its neighbours were found whole."""
LINE = 2.5
"""Pixels from the paper of a cell to the middle of the line around it, about."""
ROUND = (3 * MM, 9 * MM)
"""Sides of a bubble in pixels."""
INSIDE = 0.58
"""Share of a bubble that is within its line: the line of a letter o is thicker."""
MOST_CELLS = 32
NARROWEST = 2.6 * MM
"""Pixels of a comb's cell."""


@dataclass(frozen=True, eq=False)
class Shape:
    """A cell, or a bubble where it is ``round``.

    Attributes:
        corners: float[4, 2], TL TR BR BL, in pixels of the straightened picture at WORK_DPI.
        inked: share of its inner part that is ink.
        cells: how many the teeth of a comb make of it, 1 where it has none.
    """

    corners: Floats
    inked: float = 0.0
    cells: int = 1
    round: bool = False

    @property
    def width(self) -> float:
        return float(np.linalg.norm(self.corners[1] - self.corners[0]))

    @property
    def height(self) -> float:
        return float(np.linalg.norm(self.corners[3] - self.corners[0]))

    @property
    def left(self) -> float:
        return float(self.corners[[0, 3], 0].mean())

    @property
    def right(self) -> float:
        return float(self.corners[[1, 2], 0].mean())

    @property
    def top(self) -> float:
        return float(self.corners[:2, 1].mean())

    @property
    def bottom(self) -> float:
        return float(self.corners[2:, 1].mean())

    @property
    def middle(self) -> Floats:
        middle: Floats = self.corners.mean(axis=0)
        return middle


@dataclass(frozen=True)
class Shapes:
    """The shapes of a page, and the homography float[3, 3] from them back to its pixels."""

    found: list[Shape]
    back: Floats


def shapes_of(grey: Grey, dpi: float) -> Shapes:
    """Args: grey: the page, uint8 [height, width]; dpi: its pixels an inch, about."""
    small, back = resized(grey, WORK_DPI / dpi)
    turn = _turn(ink_of(small))
    height, width = small.shape
    move: Floats = np.vstack((cv2.getRotationMatrix2D((width / 2, height / 2), turn, 1.0), [0, 0, 1]))
    straight = cv2.warpAffine(small, move[:2], (width, height), borderMode=cv2.BORDER_REPLICATE)
    ink = ink_of(np.asarray(straight, np.uint8))
    dark = (ink >= DARK).astype(np.uint8)
    thin = cv2.morphologyEx(ink, cv2.MORPH_TOPHAT, np.ones((THICKEST, THICKEST), np.uint8))
    fine = (np.asarray(thin) >= FAINT).astype(np.uint8)
    strong, pale = _lines(dark), _lines(fine)
    cells = _completed([*_cells(dark, pale), *_cells(dark, strong)], strong | pale)
    # dots are joined to lines where there are none yet: joined all over, the words would be lines too
    taken = np.zeros_like(dark)
    for cell in cells:
        cv2.fillPoly(taken, [np.rint(cell.corners).astype(np.int32)], 1)
    dotted = [cell for cell in _cells(dark, _lines(fine, DOTS)) if not _covered(taken, cell)]
    bubbles = list(_bubbles(dark))
    combs = [
        replace(cell, cells=_teeth(fine, cell))
        for cell in [*cells, *dotted]
        if not any(_is_inside_of(cell, bubble) for bubble in bubbles)
    ]
    return Shapes([*combs, *bubbles], back @ np.linalg.inv(move))


def _turn(ink: Grey) -> float:
    """Degrees by which the picture is to be turned back, of its long lines in the mean."""
    dark = (ink >= DARK).astype(np.uint8) * 255
    found = cv2.HoughLinesP(dark, 1, np.pi / 1440, 120, minLineLength=round(15 * MM), maxLineGap=round(0.7 * MM))
    if found is None:
        return 0.0
    x, y, right, bottom = np.asarray(found, float).reshape(-1, 4).T
    angles = np.degrees(np.arctan2(bottom - y, right - x))
    lengths = np.hypot(bottom - y, right - x)
    # level and upright lines lean alike
    leaning = (angles + 45) % 90 - 45
    near = np.abs(leaning) <= MOST_TURN
    if not near.any():
        return 0.0
    order = np.argsort(leaning[near])
    weights = np.cumsum(lengths[near][order])
    return float(leaning[near][order][np.searchsorted(weights, weights[-1] / 2)])


def _lines(dark: Grey, gap: int = 1) -> Grey:
    """uint8 [height, width], 1 where a thin line runs level or upright, with gaps of up to so many pixels."""
    level, upright = _runs(dark, gap), _runs(np.ascontiguousarray(dark.T), gap).T
    return np.asarray(cv2.morphologyEx(level | upright, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)


def _runs(dark: Grey, gap: int) -> Grey:
    """What runs level, a pixel up or down, and is thin."""
    joined = cv2.morphologyEx(dark, cv2.MORPH_CLOSE, np.ones((1, 2 + gap), np.uint8))
    # words that were joined are thick; lines close together are not
    thick = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((THICKEST, 1), np.uint8))
    thin = cv2.subtract(joined, thick) if gap > 1 else joined
    # a line that leans a little goes on in the next row
    near = cv2.dilate(thin, np.ones((3, 1), np.uint8))
    return np.asarray(cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((1, SHORTEST), np.uint8)), np.uint8)


def _cells(dark: Grey, lines: Grey) -> Iterator[Shape]:
    many, parts, stats, _ = cv2.connectedComponentsWithStats(1 - lines, connectivity=4)
    for part in range(1, many):
        left, top, width, height, area = (int(each) for each in stats[part])
        if min(width, height) < SMALLEST or height > HIGHEST or width > WIDEST * dark.shape[1]:
            continue
        if area < FREE * width * height:
            continue
        own = np.asarray(parts)[top : top + height, left : left + width] == part
        corners = _corners(own)
        if cv2.contourArea(cv2.convexHull(cv2.findNonZero(own.astype(np.uint8)))) < RECTANGULAR * (width - 1) * (
            height - 1
        ):
            continue
        inner = dark[top : top + height, left : left + width][own]
        yield Shape(corners + np.array([left, top]), float(inner.mean()))


def _corners(own: NDArray[np.bool_]) -> Floats:
    """TL TR BR BL of a mask that fills most of its picture, in the middle of the line around it."""
    y, x = np.nonzero(own)
    order = [np.argmin(x + y), np.argmax(x - y), np.argmax(x + y), np.argmin(x - y)]
    outwards = np.array([[-LINE, -LINE], [LINE, -LINE], [LINE, LINE], [-LINE, LINE]])
    corners: Floats = np.column_stack((x[order], y[order])) + outwards
    return corners


def _completed(cells: list[Shape], lines: Grey) -> list[Shape]:
    """The cells, and those beside them of the same size that have a line along each side: handwriting that reaches
    from line to line hides a cell, but seldom its neighbours too."""
    near = np.asarray(cv2.dilate(lines, np.ones((3, 3), np.uint8)), np.uint8)
    whole = sorted(cells, key=lambda one: -one.width * one.height)
    taken = np.full(lines.shape, -1, np.int32)
    for number, cell in enumerate(whole):
        cv2.fillPoly(taken, [np.rint(cell.corners).astype(np.int32)], number)
    for cell in whole:
        if cell.width > 1.6 * cell.height:
            continue
        across, down = cell.corners[1] - cell.corners[0], cell.corners[3] - cell.corners[0]
        for step in (across, -across, down, -down):
            corners = cell.corners + step
            inside = _part(taken, corners)
            if not inside.size or not _framed(near, corners):
                continue
            others = [whole[number] for number in np.unique(inside[inside >= 0])]
            if any(other.width * other.height > 0.7 * cell.width * cell.height for other in others):
                continue
            whole.append(Shape(corners, 1.0))
            cv2.fillPoly(taken, [np.rint(corners).astype(np.int32)], len(whole) - 1)
    seen = np.bincount(taken[taken >= 0].ravel(), minlength=len(whole))
    return [cell for number, cell in enumerate(whole) if seen[number] > SEEN * cell.width * cell.height]


def _is_inside_of(cell: Shape, bubble: Shape) -> bool:
    """Whether the cell is the paper in a bubble that nobody has filled."""
    return bubble.inked < 1 - INSIDE and bool(np.abs(cell.middle - bubble.middle).max() < 0.25 * bubble.height)


def _part(picture: NDArray[Any], corners: Floats) -> NDArray[Any]:
    """What lies well inside four corners of the picture; nothing where they do not lie on it."""
    low, high = np.rint(corners.min(axis=0) + 2 * LINE).astype(int), np.rint(corners.max(axis=0) - 2 * LINE).astype(int)
    if (low < 0).any() or high[1] >= picture.shape[0] or high[0] >= picture.shape[1]:
        return picture[:0]
    return picture[low[1] : high[1], low[0] : high[0]]


def _framed(near: Grey, corners: Floats) -> bool:
    """Whether a line runs along each side."""
    places = np.linspace(0.1, 0.9, 17)[:, None]
    for one, other in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        x, y = np.rint(one + places * (other - one)).astype(int).T
        if x.min() < 0 or y.min() < 0 or x.max() >= near.shape[1] or y.max() >= near.shape[0]:
            return False
        if near[y, x].mean() < FRAMED:
            return False
    return True


def _covered(taken: Grey, cell: Shape) -> bool:
    x, y = np.rint(cell.middle).astype(int)
    return bool(taken[np.clip(y, 0, taken.shape[0] - 1), np.clip(x, 0, taken.shape[1] - 1)])


def _teeth(dark: Grey, cell: Shape) -> int:
    """Cells that upright teeth at equal distances make of a wide cell; 1 where there are none."""
    if cell.width < 1.6 * cell.height:
        return 1
    width, height = round(cell.width), round(cell.height)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    way = cv2.getPerspectiveTransform(cell.corners.astype(np.float32), flat)
    seen = np.asarray(cv2.warpPerspective(dark, way, (width, height)), np.uint8)
    best = 1
    for part in (seen[round(0.84 * height) : height - 3], seen[3 : round(0.16 * height)]):
        best = max(best, _cells_between(part, width, height))
    return best


def _cells_between(part: Grey, width: int, height: int) -> int:
    """The number of equal cells whose borders are the columns of ``part`` that are dark from top to bottom."""
    if not part.size:
        return 1
    filled = part.mean(axis=0) >= 0.8
    edges = np.flatnonzero(np.diff(filled.astype(np.int8), prepend=0, append=0))
    runs = [(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop - start <= THICKEST]
    places = np.array([(start + stop - 1) / 2 for start, stop in runs if 0.02 * width < start and stop < 0.98 * width])
    best = 1
    # one tooth alone may be a stroke of handwriting
    for cells in range(3, MOST_CELLS + 1):
        pitch = width / cells
        if pitch < max(NARROWEST, 0.3 * height) or len(places) < 0.75 * (cells - 1):
            continue
        off = np.abs(places[:, None] - pitch * np.arange(1, cells)) if len(places) else np.ones((1, cells - 1)) * width
        met = (off.min(axis=0) <= max(2.0, 0.1 * pitch)).mean()
        strays = (off.min(axis=1) > max(2.0, 0.1 * pitch)).mean()
        if met >= 0.8 and strays <= 0.34:
            best = cells
    return best


def _bubbles(dark: Grey) -> Iterator[Shape]:
    contours, tree = cv2.findContours(dark, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for number, contour in enumerate(contours):
        left, top, width, height = cv2.boundingRect(contour)
        if tree[0][number][3] >= 0 or not all(ROUND[0] <= side <= ROUND[1] for side in (width, height)):
            continue
        area, ellipse = cv2.contourArea(contour), np.pi / 4 * width * height
        hole = tree[0][number][2]
        inner = 0.0
        while hole >= 0:
            inner = max(inner, cv2.contourArea(contours[hole]))
            hole = tree[0][hole][0]
        if abs(area / ellipse - 1) > 0.12 or (0.1 < inner / area < INSIDE) or width > 2.5 * height:
            continue
        right, bottom = left + width - 1, top + height - 1
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
        yield Shape(corners, 1 - inner / area, round=True)


def in_pixels(shapes: Shapes, corners: Floats) -> list[list[float]]:
    """Corners float[n, 2] of a shape in the page's own pixels, to a tenth of one."""
    placed: list[list[float]] = np.round(mapped(shapes.back, corners), 1).tolist()
    return placed
