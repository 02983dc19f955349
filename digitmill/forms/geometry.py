"""Points, quads and homographies. All are float64; x grows to the right, y down, in pixels.

A pixel's centre lies at a whole number: (0, 0) is the centre of the first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

Point = tuple[float, float]
Quad = tuple[Point, Point, Point, Point]
"""Four corners, TL TR BR BL as a reader of the page sees them."""

UNIT_SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)


def mapped(homography: Floats, points: Floats) -> Floats:
    """Points float[n, 2] through a homography float[3, 3]."""
    moved = np.column_stack((points, np.ones(len(points)))) @ homography.T
    result: Floats = moved[:, :2] / moved[:, 2:]
    return result


def homography_between(source: Floats, target: Floats) -> Floats:
    """The homography float[3, 3] that takes four points float[4, 2] to four others."""
    found: Floats = cv2.getPerspectiveTransform(source.astype(np.float32), target.astype(np.float32)).astype(np.float64)
    return found


def cells_of(quad: Quad, cells: int) -> tuple[Quad, ...]:
    """A quad as ``cells`` quads of equal width side by side, as they look where the quad is seen in perspective."""
    to_quad = homography_between(UNIT_SQUARE.astype(np.float64), np.array(quad))
    steps = np.linspace(0, 1, cells + 1)
    top = mapped(to_quad, np.column_stack((steps, np.zeros(cells + 1)))).tolist()
    bottom = mapped(to_quad, np.column_stack((steps, np.ones(cells + 1)))).tolist()
    corners = [(top[i], top[i + 1], bottom[i + 1], bottom[i]) for i in range(cells)]
    return tuple(quad_of(four) for four in corners)


def quad_of(corners: Sequence[Sequence[float]] | Floats) -> Quad:
    """Four corners of any kind as a quad."""
    one, two, three, four = ((float(x), float(y)) for x, y in corners)
    return one, two, three, four


def is_convex(quad: Quad) -> bool:
    """Whether the corners turn to the right at each of the four, as TL TR BR BL do."""
    corners = np.array(quad)
    sides = np.roll(corners, -1, axis=0) - corners
    following = np.roll(sides, -1, axis=0)
    return bool(np.all(sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0))


def bounds_of(points: Floats) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the whole pixels around points float[n, 2]."""
    (left, top), (right, bottom) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    return int(left), int(top), int(right), int(bottom)


def sides_of(quad: Quad) -> Floats:
    """Lengths float[4] of top, right, bottom and left."""
    corners = np.array(quad)
    lengths: Floats = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return lengths
