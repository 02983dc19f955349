"""Where the scissors went: how much paper is around the digit, and what of its neighbours came along."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

TIGHT = 0.45
"""Programs that cut digits out often cut at the ink, or a few pixels from it."""
AT_INK, ALL_SIDES = 0.15, 0.6
"""Of those: exactly at the ink; by one margin on all four sides. The others have a margin for each side."""
WIDEST_TIGHT = 12
"""Pixels of the scan that such a program leaves at most."""
INTO_INK, DEEPEST = 0.1, 0.03
"""Of those so many cut into the ink on one side, by up to this share of its length."""
USUAL_HEIGHT, HEIGHT_SPREAD = 26, 0.5
"""Pixels of a scanned digit's height, and its spread as a logarithm, as in scanner.py."""
LOOSE = 0.15
"""A digit in a wide field of a form, off its centre."""
SMALLEST = 0.27
"""Longest side of a digit by the longest side of its crop, in the loosest one."""
LEAST_MARGIN, WIDEST_MARGIN = 0.03, 0.35
"""Each margin of the other crops, by the digit's longest side."""
GAP = 2
"""Pixels that other neighbours keep away from the digit at least."""
OVERLAPPING, OVERLAP = 0.35, 0.25
"""Of neighbours' strokes so many reach over the digit itself, by up to this share of its width: numbers written in one
go, as on cheques, cannot be cut apart by straight lines."""
STOP = 0.04, 0.1
"""Radius of a full stop by the height of the digit before it. Beside a clean digit the normaliser takes out nearly all
below 0.09, as it does at work: what is learnt are the larger ones, and those that the scan ran into the digit."""
INK = 40
"""Grey level from which ink counts."""


def cut_out(ink: Picture, random: Generator) -> tuple[Picture, int]:
    """A crop of ``ink`` [height, width] round the digit, tight or with paper, and the digit's height in pixels.

    A flat digit counts as half as high as it is wide. A picture without ink is returned whole, as if filled by it.
    """
    x, y, width, height = cv2.boundingRect(cv2.threshold(ink, INK, 255, cv2.THRESH_BINARY)[1])
    if width == 0:
        return ink, ink.shape[0]
    longest = max(width, height)
    kind = random.random()
    draws = random.random(4).tolist()
    if kind < TIGHT:
        margins = _tight(longest, draws, random)
    elif kind < TIGHT + LOOSE:
        side = longest / random.uniform(SMALLEST, 0.6)
        across, down = side - width, side - height
        margins = [
            int(part) for part in (across * draws[0], across * (1 - draws[0]), down * draws[1], down * (1 - draws[1]))
        ]
    else:
        margins = [int((LEAST_MARGIN + (WIDEST_MARGIN - LEAST_MARGIN) * draw) * longest) for draw in draws]
    return _cut(ink, (x, y, width, height), margins), max(height, width // 2)


def _tight(longest: int, draws: list[float], random: Generator) -> list[int]:
    """Margins of a program that cuts at the box of the ink, or so many pixels of the scan from it."""
    kind = random.random()
    if kind < AT_INK:
        margins = [0] * 4
    else:
        pixel = longest / (USUAL_HEIGHT * math.exp(random.normal(0, HEIGHT_SPREAD)))
        sides = draws[:1] * 4 if kind < AT_INK + ALL_SIDES else draws
        margins = [round((WIDEST_TIGHT + 1) * draw // 1 * pixel) for draw in sides]
    if random.random() < INTO_INK:
        margins[int(random.integers(4))] = -math.ceil(DEEPEST * longest * random.random())
    return margins


def _cut(ink: Picture, box: tuple[int, int, int, int], margins: list[int]) -> Picture:
    """The ``box`` (x, y, width, height) of ``ink`` with ``margins`` left, right, above and below; below 0 they cut."""
    x, y, width, height = box
    left, right, above, below = margins
    digit = ink[y - min(0, above) : y + height + min(0, below), x - min(0, left) : x + width + min(0, right)]
    left, right, above, below = (max(0, margin) for margin in margins)
    return np.asarray(cv2.copyMakeBorder(digit, above, below, left, right, cv2.BORDER_CONSTANT, value=0), np.uint8)


def with_neighbours(crop: Picture, draw: Callable[[], Picture], random: Generator) -> Picture:
    """``crop`` with strokes that ``draw`` gives reaching in from one side or two."""
    crowded = crop.copy()
    first = int(random.integers(4)) if random.random() < 0.3 else 2 * int(random.integers(2))
    for quarter_turns in (first, first ^ 2) if random.random() < 0.3 else (first,):
        _lay_at_right_edge(np.rot90(crowded, quarter_turns), np.rot90(draw(), quarter_turns), random)
    return crowded


def with_stop(crop: Picture, random: Generator) -> Picture:
    """``crop`` with a full stop or a comma at the right foot of its ink, and larger where there was no room for it.

    A picture without ink stays.
    """
    x, y, width, height = cv2.boundingRect(cv2.threshold(crop, INK, 255, cv2.THRESH_BINARY)[1])
    if width == 0:
        return crop
    radius = max(1, round(height * random.uniform(*STOP)))
    left = x + width + radius + round(height * random.uniform(-0.05, 0.25))
    top = y + height - round(height * random.uniform(-0.05, 0.2))
    tail = 2 * radius if random.random() < 0.3 else 0
    beyond = [max(0, end + radius + 2 - side) for end, side in zip((top + tail, left), crop.shape, strict=True)]
    larger = cv2.copyMakeBorder(crop, 0, beyond[0], 0, beyond[1], cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.line(larger, (left, top), (left - tail // 2, top + tail), 255, 2 * radius, cv2.LINE_AA))


def _lay_at_right_edge(crop: Picture, neighbour: Picture, random: Generator) -> None:
    """Let the left end of ``neighbour`` reach over the margin at the right of ``crop``, in place."""
    own = np.flatnonzero(crop.max(axis=0) > INK)
    room = crop.shape[1] - int(own[-1]) - GAP if len(own) else crop.shape[1] // 4
    x, y, width, height = cv2.boundingRect(
        cv2.threshold(np.ascontiguousarray(neighbour), INK, 255, cv2.THRESH_BINARY)[1]
    )
    if random.random() < OVERLAPPING and len(own):
        shown = room + GAP + round(random.uniform(0, OVERLAP) * (own[-1] - own[0]))
    else:
        shown = round(room * random.uniform(0.3, 1))
    shown = min(width // 2, shown)
    if shown < 1:
        return
    height = min(height, crop.shape[0])
    top = int(random.integers(0, crop.shape[0] - height + 1))
    place = crop[top : top + height, crop.shape[1] - shown :]
    np.maximum(place, neighbour[y : y + height, x : x + shown], out=place)
