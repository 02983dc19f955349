"""Strokes of some pen: how wide they are and how evenly the ink flows."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.scans.tables import gaps, grains, patches, piece

Picture = NDArray[np.uint8]
Texture = Callable[[], tuple[Picture, ...]]

EVEN_WIDTH = 0.35
"""MNIST has broad strokes of uneven width; ball pens and pencils draw one width."""
PATCHY, GRAINY, SKIPPING = 0.2, 0.12, 0.08
"""Ball pens are uneven now and then, pencils grainy, and a dry pen skips seldom; most ink is even."""
FINEST, BROADEST = 0.04, 0.18
"""Width of the finest pen's and the marker's stroke by the height of the digit, before the scanner's blur."""
RIDGE = 2
"""Usual width of a middle line in pixels."""
STEEPNESS = 2.5
"""Grey levels that ink rises per level of the drawing, so that a stroke's edge is no wider than a pen's."""
EDGES = (72, 165)
"""Grey levels at which a stroke may end: low ones make strokes broader, high ones thinner."""

_DISCS = tuple(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in range(1, 16))
_CURVES = np.clip((np.arange(256) - np.arange(*EDGES)[:, None]) * STEEPNESS + 128, 0, 255).astype(np.uint8)


def strokes(ink: Picture, random: Generator) -> Picture:
    """``ink`` [height, width], light on 0, with the width of some pen's strokes and sharp edges."""
    if random.random() < EVEN_WIDTH:
        return _of_one_width(ink, random)
    return np.asarray(cv2.LUT(ink, _CURVES[int(random.random() * len(_CURVES))]), np.uint8)


def _of_one_width(ink: Picture, random: Generator) -> Picture:
    """The middle lines of the strokes, drawn again with one pen.

    A middle line is the ridge of the distance to the paper; there the distance is above its local mean.
    """
    mask = cv2.threshold(ink, 110, 255, cv2.THRESH_BINARY)[1]
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    ridge = np.asarray(cv2.compare(distance, cv2.blur(distance, (3, 3)) + np.float32(0.12), cv2.CMP_GT), np.uint8)
    _, _, across, down = cv2.boundingRect(mask)
    share = FINEST + (BROADEST - FINEST) * random.random() ** 2
    width = round(max(across, down) * share)
    line = cv2.dilate(ridge, _DISCS[min(max(0, width - RIDGE), len(_DISCS) - 1)])
    return np.asarray(cv2.GaussianBlur(line, (3, 3), 0), np.uint8)


def texture_of_a_pen(random: Generator) -> Texture | None:
    """How some pen lays its ink: unevenly, in grains or with gaps; None for evenly."""
    draw = random.random()
    if draw > PATCHY + GRAINY + SKIPPING:
        return None
    return patches if draw < PATCHY else grains if draw < PATCHY + GRAINY else gaps


def laid(ink: Picture, texture: Texture | None, random: Generator) -> Picture:
    """``ink`` as strong as a pen of this ``texture`` leaves it in each place."""
    if texture is None:
        return ink
    return np.asarray(cv2.multiply(ink, piece(texture(), ink.shape, random), scale=1 / 255), np.uint8)


def textured(ink: Picture, random: Generator) -> Picture:
    """``ink`` as strong as some pen leaves it in each place."""
    return laid(ink, texture_of_a_pen(random), random)
