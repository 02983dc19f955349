"""Shapes that are MNIST's digits with a stroke added: crossed and serifed sevens, flagged ones, slashed zeros."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.drawn.ink import LARGE
from training.shapes.strokes import Picture, Points, stroke


def crossed_seven(large: Picture, random: Generator) -> Picture:
    """A bar through the stem, somewhat below the middle, straight or wavy."""
    centre = _ink_at(large, random.uniform(0.42, 0.72))
    return large if centre is None else np.maximum(large, stroke(_bar(centre, random), _width(large), random))


def _bar(centre: tuple[float, float], random: Generator) -> Points:
    half, slope = random.uniform(5.5, 15), random.uniform(-0.45, 0.2)
    wave = random.uniform(1, 3) if random.random() < 0.4 else 0.0
    along = np.linspace(-1, 1, 7)
    return np.column_stack((centre[0] + half * along, centre[1] + half * slope * along + wave * np.sin(np.pi * along)))


def serifed_seven(large: Picture, random: Generator) -> Picture:
    """A tick down from the left end of the top stroke; half of them are crossed, too."""
    rows = np.flatnonzero(large.max(axis=1) > 127)
    if not len(rows):
        return large
    top = large[rows[0] : rows[0] + max(1, (rows[-1] - rows[0]) // 4)]
    row, column = min(np.argwhere(top > 127), key=lambda place: int(place[1]))
    start = np.array((column + 2, rows[0] + row))
    end = start + np.array((random.uniform(-3, 1), random.uniform(4, 12)))
    ticked = np.maximum(large, stroke(np.array((start, end)), _width(large), random))
    return crossed_seven(ticked, random) if random.random() < 0.5 else ticked


def flagged_one(large: Picture, random: Generator) -> Picture:
    """A stroke from the top of the stem down to the left, short or long, now and then with a foot."""
    top, bottom = _ink_at(large, 0.04), _ink_at(large, 0.97)
    if top is None or bottom is None:
        return large
    length, angle = random.uniform(8, 25), np.deg2rad(random.uniform(45, 65))
    flag = np.array((top, (top[0] - length * np.cos(angle), top[1] + length * np.sin(angle))))
    pen = _width(large)
    flagged = np.maximum(large, stroke(flag, pen, random))
    return np.maximum(flagged, stroke(_foot(bottom, random), pen, random)) if random.random() < 0.3 else flagged


def _foot(bottom: tuple[float, float], random: Generator) -> Points:
    halves = random.uniform(5, 10, 2)
    return np.array(
        ((bottom[0] - halves[0], bottom[1]), (bottom[0] + halves[1], bottom[1] + random.uniform(-1.5, 1.5)))
    )


def slashed_zero(large: Picture, random: Generator) -> Picture:
    x, y, width, height = cv2.boundingRect(cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)[1])
    if width < LARGE / 3:
        return large
    over = random.uniform(-0.1, 0.12)
    ends = ((x + (1 + over) * width, y - over * height), (x - over * width, y + (1 + over) * height))
    return np.maximum(large, stroke(np.array(ends), _width(large), random))


def _width(large: Picture) -> float:
    """Pixels across the strokes of ``large``: somewhat less than four times the mean distance to the paper."""
    distance = cv2.distanceTransform(cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)[1], cv2.DIST_L2, 3)
    return float(min(max(3 * distance.sum() / max(1, np.count_nonzero(distance)), 2), 6))


def _ink_at(large: Picture, height: float) -> tuple[float, float] | None:
    """(column, row) of the last stroke on the row at ``height``, 0 the top of the ink and 1 its bottom."""
    rows = np.flatnonzero(large.max(axis=1) > 127)
    if not len(rows):
        return None
    row = round(float(rows[0] + height * (rows[-1] - rows[0])))
    columns = np.flatnonzero(large[row] > 127)
    if not len(columns):
        return None
    run = columns[columns > columns[-1] - 12]
    return float(run.mean()), float(row)
