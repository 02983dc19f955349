"""Lines through points, as a pen draws them on an enlarged digit."""

from __future__ import annotations

from functools import reduce

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.drawn.ink import LARGE

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
"""[n, 2], (x, y) with y downwards."""

_SUBPIXEL = 4


def jittered(points: list[tuple[float, float]], random: Generator) -> Points:
    return np.array(points) + random.normal(0, 0.025, (len(points), 2))


def as_digit(strokes: list[Points], aspect: float, random: Generator) -> Picture:
    """``strokes``, given in a square from 0 to 1, as a digit 40 pixels high: uint8 [56, 56]."""
    width = random.uniform(2, 6)
    places = [(LARGE / 2, LARGE / 2) + (points - 0.5) * (40 * aspect, 38) for points in strokes]
    return reduce(np.maximum, [stroke(each, width, random) for each in places])


def stroke(points: Points, width: float, random: Generator) -> Picture:
    """A line of about ``width`` pixels through ``points``, bent softly or with corners: uint8 [56, 56]."""
    if len(points) > 2 and random.random() < 0.7:
        points = rounded(points)
    picture = np.zeros((LARGE, LARGE), np.uint8)
    places = np.rint(points * (1 << _SUBPIXEL)).astype(np.int32)
    thickness = max(1, round(width * random.uniform(0.75, 1.15)))
    return np.asarray(cv2.polylines(picture, [places], False, 255, thickness, cv2.LINE_AA, _SUBPIXEL), np.uint8)


def ring(centre: tuple[float, float], radii: tuple[float, float], start: float, stop: float) -> Points:
    """Part of an ellipse; angles in degrees, 0 to the right and growing downwards."""
    angles = np.deg2rad(np.linspace(start, stop, max(4, round(abs(stop - start) / 25))))
    return np.column_stack((centre[0] + radii[0] * np.cos(angles), centre[1] + radii[1] * np.sin(angles)))


def rounded(points: Points) -> Points:
    """The corners cut twice (Chaikin, "An algorithm for high-speed curve generation", 1974)."""
    for _ in range(2):
        first, last = points[:-1], points[1:]
        cut = np.stack((0.75 * first + 0.25 * last, 0.25 * first + 0.75 * last), axis=1).reshape(-1, 2)
        points = np.concatenate((points[:1], cut[1:-1], points[-1:]))
    return points
