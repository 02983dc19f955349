"""Boxes that nobody has written in: their frames, combs and guides, stains, shadows, and paper alone.

Each is a grey picture as scanned, dark on light. A frame higher than wide is left out: alone it is a square 0.
Plain rules and fields of dots are not drawn: the normaliser takes them for paper.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.non_digits.strokes import Picture

SIDE = 56
_GUIDES = (
    (0, 0, 1, 0),
    (0, 1, 1, 1),
    (0, 2, 1, 2),
    (0, 0, 0, 2),
    (1, 0, 1, 2),
    (0, 0, 1, 1),
    (1, 0, 0, 1),
    (0, 1, 1, 2),
    (1, 1, 0, 2),
)
"""Lines from (column, row) to (column, row), in sides of a square."""


def frame(random: Generator) -> Picture:
    """The frame of a box, wider than high or square: whole, its corners alone, or with lines in it."""
    paper = _paper(random)
    tone, thickness = _tone(random), int(random.integers(1, 4))
    height, width = int(random.integers(18, 36)), int(random.integers(42, 50))
    left, top = int(random.integers(2, SIDE - width)), int(random.integers(4, SIDE - height - 2))
    kind = random.choice(3)
    if kind == 2:
        _corners(paper, (left, top, width, height), tone, thickness)
        return paper
    cv2.rectangle(paper, (left, top), (left + width, top + height), tone, thickness)
    if kind == 1:
        for part in range(1, int(random.integers(2, 5))):
            column = left + width * part // 4
            cv2.line(paper, (column, top), (column, top + height), tone, thickness)
    return paper


def comb(random: Generator) -> Picture:
    """A base line with upright teeth, the places for the letters of a word."""
    paper = _paper(random)
    tone, thickness = _tone(random), int(random.integers(1, 4))
    foot, pitch, tooth = int(random.integers(30, 50)), int(random.integers(10, 22)), int(random.integers(5, 14))
    cv2.line(paper, (3, foot), (SIDE - 4, foot), tone, thickness)
    for column in range(5, SIDE - 3, pitch):
        cv2.line(paper, (column, foot), (column, foot - tooth), tone, thickness)
    return paper


def guides(random: Generator) -> Picture:
    """The lines of a box for guided figures, two squares over one another with their diagonals, or pieces of them.

    Seven segments without diagonals are left out: alone they are an 8.
    """
    paper = _paper(random)
    tone, side, dashes = _tone(random), int(random.integers(17, 24)), int(random.choice((1, 5, 7)))
    left, top = (SIDE - side) / 2, (SIDE - 2 * side) / 2
    for column, row, right, bottom in _GUIDES:
        start = np.array((left + column * side, top + row * side))
        along = np.array((left + right * side, top + bottom * side)) - start
        for dash in range(dashes):
            ends = start + along * (dash / dashes), start + along * ((dash + (0.6 if dashes > 1 else 1)) / dashes)
            cv2.polylines(paper, [np.rint(np.array(ends) * 16).astype(np.int32)], False, tone, 1, cv2.LINE_AA, 4)
    return paper


def stain(random: Generator) -> Picture:
    """One to three smudges or splashes beside one another, solid and no higher than wide."""
    wet = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(int(random.integers(1, 4))):
        centre = (int(random.integers(14, SIDE - 14)), int(random.integers(SIDE // 2 - 4, SIDE // 2 + 5)))
        down = int(random.integers(3, 11))
        axes = (int(down * random.uniform(1.0, 2.2)), down)
        cv2.ellipse(wet, centre, axes, random.uniform(-20, 20), 0, 360, random.uniform(0.5, 1), -1)
    depth = cv2.GaussianBlur(wet, (0, 0), random.uniform(0.8, 4)) * random.uniform(0.8, 1.0, wet.shape)
    return np.asarray(np.clip(_paper(random) - depth * random.uniform(60, 190), 0, 255), np.uint8)


def shadow(random: Generator) -> Picture:
    """The edge of a sheet or a shadow that lies slantwise through the box, no thinner than a third of it."""
    paper = _paper(random)
    angle = random.uniform(0, 2 * np.pi)
    distance = _COLUMNS * np.cos(angle) + _ROWS * np.sin(angle) - random.uniform(-14, 14)
    depth = random.uniform(40, 130)
    shade = depth * np.clip(distance / random.uniform(0.5, 6), 0, 1)
    if random.random() < 0.6:
        shade = shade + depth * np.exp(-((distance / random.uniform(1, 3)) ** 2))
    return np.asarray(np.clip(paper - shade, 0, 255), np.uint8)


def grain(random: Generator) -> Picture:
    """Rough paper alone, with no more on it than its own fibres."""
    coarse = random.normal(0, random.uniform(6, 30), (SIDE, SIDE)).astype(np.float32)
    fibres = cv2.GaussianBlur(coarse, (0, 0), random.uniform(0.6, 2.2), sigmaY=random.uniform(0.6, 2.2))
    spread = max(float(fibres.std()), 0.1)
    rough = np.sign(fibres) * np.abs(fibres / spread) ** random.uniform(1.2, 2.2) * random.uniform(4, 16)
    return np.asarray(np.clip(_paper(random) + rough, 0, 255), np.uint8)


_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - SIDE / 2


def _paper(random: Generator) -> Picture:
    noise: NDArray[np.float32] = random.standard_normal((SIDE, SIDE), np.float32) * np.float32(random.uniform(0, 5))
    return np.asarray(np.clip(random.uniform(190, 250) + noise, 0, 255), np.uint8)


def _tone(random: Generator) -> int:
    return int(random.integers(0, 150))


def _corners(paper: Picture, box: tuple[int, int, int, int], tone: int, thickness: int) -> None:
    """The four corners of ``box`` (left, top, width, height), with nothing between them."""
    left, top, width, height = box
    for column, inward in ((left, 1), (left + width, -1)):
        for row, downward in ((top, 1), (top + height, -1)):
            cv2.line(paper, (column, row), (column + inward * width // 4, row), tone, thickness)
            cv2.line(paper, (column, row), (column, row + downward * height // 4), tone, thickness)
