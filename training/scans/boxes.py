"""What forms print round and behind a digit: frames, writing lines, combs and guides."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Point = tuple[float, float]

FRAMES, RULES, COMBS, GUIDES, SQUARES = 0.45, 0.18, 0.12, 0.17, 0.08
"""Which print a form has; boxes are by far the most usual."""
SIDES = (
    (0,),
    (1,),
    (2,),
    (2,),
    (2,),
    (3,),
    (1, 2),
    (2, 3),
    (0, 2),
    (1, 3),
    (0, 1),
    (1, 2, 3),
    (0, 2, 3),
    *3 * ((0, 1, 2, 3),),
)
"""Sides of a frame that come along, one set as often as the other: top 0, left 1, bottom 2, right 3."""
THICKEST = 0.1
"""Thickness of a line by the shorter side of the crop."""
SLIM = 0.35
"""Breadth by height below which a digit is a 1, which some write on the right side of a guide."""
BROKEN = 0.3
"""Lines of poor print or of a bilevel scan come in pieces."""
_SUBPIXEL_BITS = 4


def with_form(crop: Picture, random: Generator) -> Picture:
    """``crop`` [height, width], light ink on 0, with the lines of a form printed over it."""
    printed = np.zeros_like(crop)
    draw = random.random()
    if draw < FRAMES:
        strength = _frame(printed, random)
    elif draw < FRAMES + RULES:
        strength = _rule(printed, random)
    elif draw < FRAMES + RULES + COMBS:
        strength = _comb(printed, random)
    elif draw < FRAMES + RULES + COMBS + SQUARES:
        strength = _squares(printed, random)
    else:
        strength = _guide(printed, crop, random)
    return np.maximum(crop, cv2.convertScaleAbs(printed, alpha=strength))


def _frame(printed: Picture, random: Generator) -> float:
    """Lines along one to four edges at any depth."""
    height, width = printed.shape
    thickness = _thickness(printed, random)
    depths = (0.12 * random.random(4) - 0.01).tolist()
    slants = (0.012 * random.standard_normal(4)).tolist()
    for side in SIDES[int(random.random() * len(SIDES))]:
        at, slant = depths[side] if side < 2 else 1 - depths[side], slants[side]
        if side % 2:
            start, end = ((at - slant) * width, 0.0), ((at + slant) * width, float(height))
        else:
            start, end = (0.0, (at - slant) * height), (float(width), (at + slant) * height)
        _line(printed, start, end, thickness, random)
    return random.uniform(0.3, 1.0)


def _rule(printed: Picture, random: Generator) -> float:
    """A line to write on, under the digit or through its lower part, whole or dotted."""
    height, width = printed.shape
    row, slant = random.uniform(0.66, 0.98) * height, random.normal(0, 0.03) * height
    _line(printed, (0, row - slant), (width, row + slant), max(1, _thickness(printed, random) - 1), random)
    if random.random() < 0.3:
        printed[:, :: int(random.integers(2, 5))] = 0
    return random.uniform(0.25, 0.8)


def _comb(printed: Picture, random: Generator) -> float:
    """Short lines up from the bottom at both sides, mostly on a line at the bottom."""
    height, width = printed.shape
    thickness = _thickness(printed, random)
    depth, tooth = random.uniform(0, 0.08), random.uniform(0.15, 0.55)
    if random.random() < 0.7:
        _line(printed, (0, (1 - depth) * height), (width, (1 - depth) * height), thickness, random)
    for column in (random.uniform(0, 0.08), 1 - random.uniform(0, 0.08)):
        top = (column * width, (1 - depth - tooth) * height)
        _line(printed, top, (column * width, (1 - depth) * height), thickness, random)
    return random.uniform(0.3, 1.0)


def _guide(printed: Picture, crop: Picture, random: Generator) -> float:
    """A faint eight of seven segments or a dotted box to write along, about where the digit is."""
    x, y, width, height = cv2.boundingRect(crop)
    if width == 0:
        height, width = crop.shape
    centre, half = x + width / 2, max(width, 0.55 * height) * random.uniform(0.5, 0.65)
    if width < SLIM * height and random.random() < 0.5:
        centre += width / 2 - half
    left, right = centre - half, centre + half
    top, bottom = y - random.uniform(-0.06, 0.1) * height, y + height * random.uniform(0.95, 1.1)
    rows = (top, (top + bottom) / 2, bottom) if random.random() < 0.6 else (top, bottom)
    for row in rows:
        _segment(printed, (left, row), (right, row), 1)
    for column in (left, right):
        for first, last in pairwise(rows):
            _segment(printed, (column, first), (column, last), 1)
    if random.random() < 0.5:
        printed *= (np.add.outer(*map(np.arange, printed.shape)) // 2 % 2).astype(np.uint8)
    elif random.random() < 0.4:
        np.copyto(printed, cv2.dilate(printed, np.ones((3, 3), np.uint8)))
    return random.uniform(0.1, 0.4)


def _squares(printed: Picture, random: Generator) -> float:
    """Faint squared or, without its upright lines, lined paper."""
    height, width = printed.shape
    pitch = max(8.0, random.uniform(0.2, 0.6) * height)
    for row in np.arange(random.uniform(0, pitch), height, pitch):
        _segment(printed, (0, row), (width, row), 1)
    if random.random() < 0.7:
        for column in np.arange(random.uniform(0, pitch), width, pitch):
            _segment(printed, (column, 0), (column, height), 1)
    return random.uniform(0.08, 0.35)


def _thickness(printed: Picture, random: Generator) -> int:
    return 1 + int(random.random() ** 2 * THICKEST * min(printed.shape))


def _line(printed: Picture, start: Point, end: Point, thickness: int, random: Generator) -> None:
    """A line from ``start`` to ``end`` in pixels, or some part of it."""
    if random.random() < BROKEN:
        first, last = np.sort(random.random(2))
        (x0, y0), (x1, y1) = start, end
        start = (x0 + first * (x1 - x0), y0 + first * (y1 - y0))
        end = (x0 + last * (x1 - x0), y0 + last * (y1 - y0))
    _segment(printed, start, end, thickness)


def _segment(printed: Picture, start: Point, end: Point, thickness: int) -> None:
    first, last = ([round(part * (1 << _SUBPIXEL_BITS)) for part in point] for point in (start, end))
    cv2.line(printed, first, last, 255, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
