"""Whether somebody wrote or drew into a field that is kept as a picture: shade, folds and the paper's grain are none.

A remark is as large as fifty boxes: along it light changes and paper bends, and a word in it is less ink by its area
than a shadow. So it is looked at in tiles, each cut as a box is, for strokes: ink that is thinner than shade and longer
than dust.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.cutting import Cut, cut_of
from digitmill.forms.geometry import UNIT_SQUARE, Quad, homography_between, mapped, quad_of, sides_of
from digitmill.forms.registration.finding import Registration

Grey = NDArray[np.uint8]

TILE, MOST_TILES = 9.0, 100
"""Millimetres of a tile's side, in which strokes look as in a box; of a larger field, tiles are larger."""
WIDEST = 3.0
"""Millimetres across the widest pen: what is wider is shade."""
LEAST = 1.5
"""Millimetres of the shortest stroke; dust, and the specks of a fax, are less."""
STROKE, ABOVE_GRAIN = 25, 2.5
"""How much darker than paper of 255 a stroke is at least, and by how much the paper's grain is."""
RIM, FRAME = 1.0, 1.2
"""Millimetres along the outline where remains of a printed frame lie; and across such a line, where the paper is bent
so that it lies further off."""
SPANNING = 0.5
"""Of a tile's side, how long a line of a frame is in it, or one to write on."""
INCH = 25.4


@dataclass(frozen=True)
class _Tile:
    """A part of a field; ``edges`` are whether its left, top, right and bottom lie on the field's outline, ``size``
    its width in millimetres."""

    quad: Quad
    edges: tuple[bool, bool, bool, bool]
    size: float


def is_written(page: Registration, number: int) -> bool:
    """Whether there is a stroke of a pen in the field of this number, of one quad."""
    template = page.reference.template
    (quad,) = template.fields[number].quads
    tiles = _tiles(quad, template.page.dpi / INCH)
    return any(_has_stroke(cut_of(page, tile.quad), tile, blank=template.page.blank) for tile in tiles)


def _tiles(quad: Quad, unit: float) -> Iterator[_Tile]:
    """Args: unit: pixels of a millimetre."""
    top, right, bottom, left = sides_of(quad).tolist()
    width, height = (top + bottom) / 2, (left + right) / 2
    side = max(TILE * unit, math.sqrt(width * height / MOST_TILES))
    across, down = (max(1, round(length / side)) for length in (width, height))
    way = homography_between(UNIT_SQUARE.astype(np.float64), np.array(quad))
    for row in range(down):
        for column in range(across):
            low, high = np.array((column / across, row / down)), np.array(((column + 1) / across, (row + 1) / down))
            corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])])
            edges = column == 0, row == 0, column == across - 1, row == down - 1
            yield _Tile(quad_of(mapped(way, corners)), edges, width / across / unit)


def _has_stroke(cut: Cut, tile: _Tile, *, blank: bool) -> bool:
    unit = (cut.box[2] - cut.box[0]) / tile.size
    seen = _part(cut, tile.edges, round(RIM * unit))
    wide = max(3, round(WIDEST * unit))
    shade = np.ones((wide, wide), np.uint8)
    thin = np.asarray(cv2.morphologyEx(_darker(cut), cv2.MORPH_TOPHAT, shade), np.uint8)[seen]
    if not thin.size:
        return False
    dark = (thin >= max(STROKE, ABOVE_GRAIN * float(np.median(thin)))).astype(np.uint8)
    many, parts, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    longest = np.maximum(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT])
    # print is known where there is a blank page, and then only the frame may be left
    may_be_print = not blank or any(tile.edges)
    return any(
        not (may_be_print and _is_line(np.asarray(parts) == part, min(dark.shape), FRAME * unit))
        for part in range(1, many)
        if longest[part] >= max(3, LEAST * unit)
    )


def _is_line(part: NDArray[np.bool_], side: int, wide: float) -> bool:
    """Whether a piece of ink is straight and runs along much of a tile.

    Args:
        side: the tile's shorter one, in pixels.
        wide: how wide a line is at most, in pixels.
    """
    points = np.argwhere(part).astype(np.float32)
    shorter, longer = sorted(cv2.minAreaRect(points)[1])
    return bool(longer >= SPANNING * side and shorter <= max(3.0, wide))


def _darker(cut: Cut) -> Grey:
    """How much darker than its paper, of 255, each pixel is that is no print, uint8 [height, width]: in shade a stroke
    is as much paler as the paper is."""
    lost = np.maximum(cut.paper - cut.picture.astype(np.float32), 0) * (255 / max(cut.paper, 1))
    return np.asarray(cv2.GaussianBlur(np.where(cut.ink > 0, lost, 0).astype(np.uint8), (3, 3), 0), np.uint8)


def _part(cut: Cut, edges: tuple[bool, bool, bool, bool], rim: int) -> tuple[slice, slice]:
    """The rows and columns of a cut in which strokes count: with its margin, but not beyond the field."""
    height, width = cut.ink.shape
    left, top, right, bottom = (
        side + away if is_edge else end
        for side, end, away, is_edge in zip(cut.box, (0, 0, width, height), (rim, rim, -rim, -rim), edges, strict=True)
    )
    return slice(top, max(bottom, top)), slice(left, max(right, left))
