"""What is made of digits and is none any more: two in one box, struck out, cut in two.

A digit written over another is left out, for people read the later one. So is a 1 struck out, which may be a 4.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.non_digits.strokes import CANVAS, Picture, Points, curve, inked, line
from training.pictures.data import Digits

SLICED_TOPS = (0, 2, 3, 4, 5, 8, 9)
SLICED_FEET = (0, 2, 3, 5, 6, 8)
"""Those of whose upper or lower quarter nobody makes a digit; that of a 1 is a 1, and of a 7 a flat 7."""
STRUCK = (0, 2, 3, 4, 5, 6, 7, 8, 9)
SEEN = 64
LEANING = 0.35
"""Registers and cheques are written aslant, so that one digit stands above the foot of the next."""


def pair(digits: Digits, random: Generator) -> Picture:
    """Two digits beside one another in one box, both whole and about as high.

    They may touch, or overlap a little, but for a 1, which close to another digit makes a letter of it. A share leans.
    """
    height = int(random.integers(26, 44))
    rows = random.integers(len(digits), size=2)
    first, second = (resized(digits.images[row], height, random) for row in rows)
    apart = random.integers(8, 14) if 1 in digits.labels[rows] else random.integers(-2, 9)
    gap = max(int(apart), 1 - min(first.shape[1], second.shape[1]))
    rise = int(random.integers(-4, 5))
    canvas = np.zeros((CANVAS + 16, 8 + first.shape[1] + gap + second.shape[1] + 8), np.uint8)
    top = (canvas.shape[0] - height) // 2
    _lay(canvas, first, top, 8)
    _lay(canvas, second, top + rise, 8 + first.shape[1] + gap)
    return _leaning(canvas, random.uniform(0.2, 0.9)) if random.random() < LEANING else canvas


def struck(digits: Digits, label: int, random: Generator) -> Picture:
    """A digit with a cross, two lines, or a zigzag over it that reach beyond it on both sides.

    A 0 gets no lines, which could be the slash of a 0.
    """
    ink = resized(one_of(digits, label, random), int(random.integers(30, 44)), random)
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    height, width = ink.shape
    _lay(canvas, ink, (CANVAS - height) // 2, (CANVAS - width) // 2)
    strike = STRIKES[random.integers(2 if label == 0 else 3)]
    reach = np.array((max(width, 22) * random.uniform(0.7, 0.9), height * random.uniform(0.3, 0.6)))
    lines = [(points * reach + CANVAS / 2).clip(3, CANVAS - 4) for points in strike(random)]
    return inked(lines, int(random.integers(2, 5)), canvas=canvas)


def clipped_pair(digits: Digits, random: Generator) -> Picture:
    """Two digits of which the crop takes a tenth to a quarter off at both ends."""
    whole = pair(digits, random)
    x, y, width, height = cv2.boundingRect((whole > SEEN).astype(np.uint8))
    off = [round(width * share) for share in random.uniform(0.03, 0.12, 2)]
    return np.pad(whole[y : y + height, x + off[0] : x + width - off[1]], 4)


def sliced(digits: Digits, random: Generator) -> Picture:
    """The upper or lower quarter of a digit, wider than high."""
    upper = random.random() < 0.5
    label = int(random.choice(SLICED_TOPS if upper else SLICED_FEET))
    ink = resized(one_of(digits, label, random), int(random.integers(44, 60)), random)
    kept = int(ink.shape[0] * random.uniform(0.2, 0.3))
    part = ink[:kept] if upper else ink[-kept:]
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    _lay(canvas, part, (CANVAS - kept) // 2, (CANVAS - part.shape[1]) // 2)
    return canvas


def _cross(random: Generator) -> list[Points]:
    """From -1 to 1 across and about the middle, as the other strikes."""
    return [line((-1, side), (1, -side)) for side in random.uniform(0.7, 1.1, 2) * (-1, 1)]


def _zigzag(random: Generator) -> list[Points]:
    count = int(random.integers(8, 14))
    heights = (np.arange(count) % 2 * 2 - 1) * random.uniform(0.6, 1, count)
    return [curve(np.column_stack((np.linspace(-1, 1, count), heights)))]


def _two_lines(random: Generator) -> list[Points]:
    rise, apart = random.uniform(-1.2, 1.2), random.uniform(0.35, 0.55)
    return [line((-1, side * apart + rise), (1, side * apart - rise)) for side in (-1, 1)]


STRIKES = (_cross, _zigzag, _two_lines)


def one_of(digits: Digits, label: int, random: Generator) -> Picture:
    rows: NDArray[np.intp] = np.flatnonzero(digits.labels == label)
    picture: Picture = digits.images[random.choice(rows) if len(rows) else random.integers(len(digits))]
    return picture


def resized(image: Picture, height: int, random: Generator) -> Picture:
    """The ink of ``image`` ``height`` pixels high and a little narrower or wider than it was."""
    x, y, across, down = cv2.boundingRect((image > SEEN).astype(np.uint8))
    ink = image[y : y + down, x : x + across] if across else image
    width = round(height * ink.shape[1] / ink.shape[0] * random.uniform(0.7, 1.05))
    return np.asarray(
        cv2.resize(ink, (max(4, min(width, CANVAS - 12)), height), interpolation=cv2.INTER_LINEAR), np.uint8
    )


def _leaning(picture: Picture, slant: float) -> Picture:
    """``picture`` sheared to the right by ``slant`` of its height, and wider by as much."""
    height, width = picture.shape
    shear = np.array(((1, -slant, slant * height), (0, 1, 0)), np.float64)
    wider = width + math.ceil(slant * height)
    return np.asarray(cv2.warpAffine(picture, shear, (wider, height), flags=cv2.INTER_LINEAR), np.uint8)


def _lay(canvas: Picture, ink: Picture, top: int, left: int) -> None:
    place = canvas[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(place, ink, out=place)
