"""Shapes that Europeans write and MNIST hardly has: the crossed seven and the one with a long flag."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

CROSSED_SEVENS = 0.3
FLAGGED_ONES = 0.2
_SUBPIXEL_BITS = 4


def european(image: Picture, label: int, random: Generator) -> Picture:
    """``image`` [28, 28] of the digit ``label``, for a share of the sevens and ones with a stroke added."""
    if label == 7 and random.random() < CROSSED_SEVENS:
        return _crossed(image, random)
    if label == 1 and random.random() < FLAGGED_ONES:
        return _flagged(image, random)
    return image


def _crossed(image: Picture, random: Generator) -> Picture:
    """A short bar through the stem, somewhat below the middle."""
    height = random.uniform(0.45, 0.62)
    centre = _ink_at(image, height)
    if centre is None:
        return image
    half, slope = random.uniform(3.0, 5.5), random.uniform(-0.25, 0.15)
    column, row = centre
    return _stroke(image, (column - half, row - half * slope), (column + half, row + half * slope), random)


def _flagged(image: Picture, random: Generator) -> Picture:
    """A stroke from the top of the stem down to the left."""
    top = _ink_at(image, 0.04)
    if top is None:
        return image
    length, angle = random.uniform(4.0, 9.0), np.deg2rad(random.uniform(30, 65))
    column, row = top
    return _stroke(image, top, (column - length * np.cos(angle), row + length * np.sin(angle)), random)


def _ink_at(image: Picture, height: float) -> tuple[float, float] | None:
    """(column, row) of the last stroke on the row at ``height``, 0 the top of the ink and 1 its bottom."""
    rows = np.flatnonzero(image.max(axis=1) > 127)
    if not len(rows):
        return None
    row = round(float(rows[0] + height * (rows[-1] - rows[0])))
    columns = np.flatnonzero(image[row] > 127)
    if not len(columns):
        return None
    run = columns[columns > columns[-1] - 6]
    return float(run.mean()), float(row)


def _stroke(image: Picture, start: tuple[float, float], end: tuple[float, float], random: Generator) -> Picture:
    scale = 1 << _SUBPIXEL_BITS
    first, last = ([round(part * scale) for part in point] for point in (start, end))
    thickness = int(random.integers(1, 3))
    tone = int(random.integers(170, 256))
    drawn = np.zeros_like(image)
    cv2.line(drawn, first, last, tone, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.maximum(image, drawn)
