"""What pens, stamps and printers lay over digits and into boxes, to measure with: drawn here and nowhere else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from training.metamorphic.pictures import Grey, grey, paper_of

FRACTION = 4
"""Bits of a pixel's fraction in which points are drawn."""

Point = tuple[float, float]


def stroke(picture: Grey, points: Sequence[Point], width: float, ink: int) -> Grey:
    """The picture under one more stroke through ``points`` (x, y), as dark as ``ink`` where that is darker."""
    mask = np.zeros(picture.shape, np.uint8)
    fixed = np.round(np.array(points) * (1 << FRACTION)).astype(np.int32)
    cv2.polylines(mask, [fixed.reshape(-1, 1, 2)], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION)
    share = cv2.GaussianBlur(mask, (0, 0), 0.6).astype(np.float32) / 255
    paper = paper_of(picture)
    return np.minimum(picture, grey(paper - share * (paper - ink)))


def straight(start: Point, end: Point, tremble: float, random: Generator) -> list[Point]:
    """From ``start`` to ``end`` as a hand draws it: a little bowed, and up to ``tremble`` px beside the way."""
    count = 12
    bow = random.normal(0, tremble)
    across = np.array((end[1] - start[1], start[0] - end[0])) / max(1.0, math.dist(start, end))
    points = []
    for share in np.linspace(0, 1, count):
        aside = bow * math.sin(math.pi * share) + random.normal(0, tremble / 4)
        place = np.array(start) * (1 - share) + np.array(end) * share + across * aside
        points.append((float(place[0]), float(place[1])))
    return points


def ring(middle: Point, radii: Point, tremble: float, random: Generator) -> list[Point]:
    """Round about ``middle``, once and a little more, as a hand closes a circle."""
    start, turns = random.uniform(0, 2 * math.pi), random.uniform(0.97, 1.12)
    grows = random.normal(0, 0.05)
    points = []
    for share in np.linspace(0, 1, 48):
        angle = start + 2 * math.pi * turns * share
        far = 1 + grows * share + tremble * math.sin(2 * angle)
        points.append((middle[0] + radii[0] * far * math.cos(angle), middle[1] + radii[1] * far * math.sin(angle)))
    return points
