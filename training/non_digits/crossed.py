"""Digits of real writers with strokes over or around them: one line, a ring, another digit; and halves of digits."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.non_digits.damaged import one_of, resized
from training.non_digits.strokes import CANVAS, Picture, curve, inked, line
from training.pictures.data import Digits

LINED = (0, 2, 3, 4, 5, 6, 7, 8, 9)
"""A 1 under a line may be a 4, a 7 or a cross."""
HALVED = {3: "left", 8: "left", 2: "bottom"}
"""Half a 9, 6 or 4 may be a 1 or a 7."""
OVERWRITTEN = ((4, 2), (6, 4), (8, 4), (9, 2), (0, 4), (5, 4))
"""Pairs of which one over the other is no third digit."""


def lined(digits: Digits, label: int, random: Generator) -> Picture:
    """A digit with one line over it, level or slantwise, that reaches a little or far beyond its ink.

    A 0 is never crossed slantwise, nor a 2, a 4 or a 7 level: some hands write them so.
    """
    canvas, width, height = _laid(digits, label, random, int(random.integers(24, 42)))
    slanted = label in (2, 4, 7) or (label != 0 and random.random() < 0.5)
    reach = random.uniform(0.8 if label == 7 else 0.58, 0.95)
    half = max(width, 0.45 * height) * reach
    rise = height * random.uniform(0.3, 0.62) if slanted else half * random.uniform(-0.12, 0.12)
    if slanted and (label == 7 or random.random() < 0.3):
        rise = -rise
    middle = np.array((CANVAS / 2, CANVAS / 2 + random.uniform(-0.12, 0.12) * height))
    ends = line((-half, rise), (half, -rise)) + middle + random.normal(0, 0.4, 2)
    return inked([ends.clip(4, CANVAS - 5)], int(random.integers(2, 5)), canvas=canvas)


def circled(digits: Digits, label: int, random: Generator) -> Picture:
    """A digit with a ring clear of it, drawn by hand, closed or nearly, sometimes with its ends crossing."""
    canvas, width, height = _laid(digits, label, random, int(random.integers(18, 29)))
    clear = random.uniform(1.25, 1.6)
    radii = np.array((max(width, 0.6 * height), height)) / 2 * clear + 3
    if random.random() < 0.5:
        radii[:] = radii.max()
    start = random.uniform(0, 2 * np.pi)
    turns = np.linspace(start, start + 2 * np.pi * random.uniform(0.92, 1.12), 13)
    drift = np.linspace(1, random.uniform(0.93, 1.08), 13)[:, None] + random.normal(0, 0.02, (13, 1))
    points = CANVAS / 2 + np.column_stack((np.cos(turns), np.sin(turns))) * np.minimum(radii, 28) * drift
    return inked([curve(points).clip(1, CANVAS - 2)], int(random.integers(1, 4)), canvas=canvas)


def overwritten(digits: Digits, random: Generator) -> Picture:
    """One digit over another, both to be seen."""
    first, second = random.permutation(OVERWRITTEN[random.integers(len(OVERWRITTEN))])
    height = int(random.integers(26, 44))
    under, _, _ = _laid(digits, int(first), random, height)
    over, _, _ = _laid(digits, int(second), random, round(height * random.uniform(0.85, 1.15)))
    shift = random.integers(-3, 4, 2)
    return np.maximum(under, np.roll(over, (int(shift[0]), int(shift[1])), (0, 1)))


def halved(digits: Digits, random: Generator) -> Picture:
    """What a crop leaves of a digit after a side that it cannot be read without is cut off."""
    label = int(random.choice(list(HALVED)))
    ink = resized(one_of(digits, label, random), int(random.integers(36, 54)), random)
    height, width = ink.shape
    if HALVED[label] == "left":
        return np.pad(ink[:, : round(width * random.uniform(0.35, 0.5))], 4)
    return np.pad(ink[-round(height * random.uniform(0.25, 0.35)) :], 4)


def _laid(digits: Digits, label: int, random: Generator, height: int) -> tuple[Picture, int, int]:
    """A digit ``label`` in the middle of a canvas, and its width and height."""
    ink = resized(one_of(digits, label, random), height, random)
    height, width = ink.shape
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    top, left = (CANVAS - height) // 2, (CANVAS - width) // 2
    canvas[top : top + height, left : left + width] = ink
    return np.asarray(cv2.convertScaleAbs(canvas), np.uint8), width, height
