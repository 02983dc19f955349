"""MNIST's digits bent as hands bend them, at their own size or drawn large for a scan.

The elastic bending follows Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks
Applied to Visual Document Analysis", 2003: random displacements,
smoothed. A bend is some window of a large field that is computed once.
"""

from __future__ import annotations

import math
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float32]
Places = NDArray[np.float32]
"""(x, y) in an original for every pixel of a drawing: [side, side, 2]."""

SIDE = 28
LARGE = 2 * SIDE
"""Side of an enlarged original: twice as large, a stroke has a middle and two edges of its own."""
CANVAS = 64
"""Side of a drawing for a scan, with space for a digit of 40 pixels to turn and stretch."""
BENT_ELASTIC, BENT_WIDTH = 0.5, 0.25
"""Half of the small pictures is as MNIST's writers wrote but for an affine map; MNIST's pens differ little."""
ELASTIC, WOBBLY = 0.45, 0.2
"""Most hands bend a digit as a whole, some tremble."""
PERSPECTIVE = 0.2
"""Of telephones and hand-held scanners."""

_FIELD_SIDE = 512
_PLUS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def _places(side: int) -> Places:
    """Every pixel of a square as seen from its middle."""
    line = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
    return np.stack(np.meshgrid(line, line), axis=-1)


_SMALL_PLACES, _CANVAS_PLACES = _places(SIDE), _places(CANVAS)


def bent(image: Picture, random: Generator) -> Picture:
    """``image`` [28, 28] turned, sheared and scaled a little, and moved by up to a pixel; it stays MNIST-like."""
    matrix = _matrix(random, strength=0.8, scale=1.0)
    matrix[:, 2] = (SIDE - 1) / 2 + random.uniform(-1, 1, 2)
    places = np.asarray(cv2.transform(_SMALL_PLACES, matrix), np.float32)
    if random.random() < BENT_ELASTIC:
        places += _bend(random, SIDE, SIDE / 8, random.uniform(0.2, 0.8))
    moved = _seen_at(places, image)
    if random.random() < BENT_WIDTH:
        morphed = (cv2.erode if random.random() < 0.4 else cv2.dilate)(moved, _PLUS)
        share = random.uniform(0.2, 0.6)
        moved = np.asarray(cv2.addWeighted(morphed, share, moved, 1 - share, 0), np.uint8)
    return moved


def enlarged(image: Picture) -> Picture:
    """``image`` [28, 28] as [56, 56], its strokes smooth."""
    return np.asarray(cv2.resize(image, (LARGE, LARGE), interpolation=cv2.INTER_CUBIC), np.uint8)


def written(large: Picture, random: Generator) -> Picture:
    """``large`` [56, 56] written again by some hand: uint8 [64, 64], light ink on 0, 30 to 50 pixels high or wide."""
    matrix = _matrix(random, strength=1.0, scale=random.uniform(0.72, 1.02))
    matrix[:, 2] = (LARGE - 1) / 2
    places = np.asarray(cv2.transform(_CANVAS_PLACES, matrix), np.float32)
    kind = random.random()
    if kind < ELASTIC:
        places += _bend(random, CANVAS, CANVAS / 8, random.uniform(0.6, 2.2))
    elif kind < ELASTIC + WOBBLY:
        places += _bend(random, CANVAS, CANVAS / 20, random.uniform(0.2, 0.6))
    if random.random() < PERSPECTIVE:
        tilt = random.normal(0, 0.004, 2).astype(np.float32)
        middle = np.float32((LARGE - 1) / 2)
        places = (places - middle) * (1 + _CANVAS_PLACES @ tilt)[..., None] + middle
    return _seen_at(places, large)


def _seen_at(places: Places, picture: Picture) -> Picture:
    # OpenCV's types do not know that one map of pairs needs no second map
    seen = cv2.remap(picture, places, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]
    return np.asarray(seen, np.uint8)


def _matrix(random: Generator, *, strength: float, scale: float) -> Matrix:
    """A random map [2, 3] from places in a drawing to places in its original, without the shift."""
    turn, slant, stretch = (strength * min(max(part, -2.75), 2.75) for part in random.standard_normal(3).tolist())
    angle, shear, aspect = math.radians(8) * turn, 0.17 * slant, math.exp(0.11 * stretch)
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    across = (cosine * aspect, cosine * shear - sine / aspect)
    down = (sine * aspect, sine * shear + cosine / aspect)
    return np.array(((*across, 0), (*down, 0)), np.float32)


def _bend(random: Generator, side: int, reach: float, amount: float) -> Places:
    """Smooth displacements [side, side, 2] of about ``amount`` pixels that change over ``reach`` pixels."""
    field = _field(reach)
    left, top = random.integers(0, _FIELD_SIDE - side, 2).tolist()
    return field[top : top + side, left : left + side] * np.float32(amount)


@cache
def _field(reach: float) -> Places:
    """Displacements [_FIELD_SIDE, _FIELD_SIDE, 2] with a standard deviation of 1."""
    noise = np.random.default_rng(1).standard_normal((_FIELD_SIDE, _FIELD_SIDE, 2), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), reach)
    return np.asarray(smooth / smooth.std(), np.float32)
