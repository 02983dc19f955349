"""Digits as the pen went, in the format UNIPEN (Guyon et al., "UNIPEN project of on-line data exchange and recognizer
benchmarks", 1994), and drawn as pictures.

Read is what UCI's pendigits has of it: ``.SEGMENT DIGIT 0 ? "8"``, then strokes, each after a ``.PEN_DOWN`` and up to
its ``.PEN_UP``, a point of two whole numbers on a line, y upwards. Other lines are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain import DIGITS
from digitmill.errors import TrainingError

Picture = NDArray[np.uint8]
Stroke = NDArray[np.float32]
"""Points (x, y) in the pen's own units, y downwards: [n, 2]."""

SIZE = 60
"""Pixels of a digit's longer side: enough for the normaliser to choose from, as in a scan."""
MARGIN = 12
WIDTHS = 4, 8
"""Pixels of the pen, of those 60, from so many to fewer than so many: MNIST's pens are as wide."""
FRACTION = 4
"""Bits of a pixel's fraction in which points are drawn."""

_SEGMENT = re.compile(r'\.SEGMENT\s+DIGIT\s.*"([^"]*)"')
_POINT = re.compile(r"\s*(-?[0-9]{1,7})\s+(-?[0-9]{1,7})\s*")


@dataclass(frozen=True)
class PenDigit:
    label: int
    strokes: tuple[Stroke, ...]


def parse_unipen(text: str, name: str) -> list[PenDigit]:
    """The digits in ``text``, the content of the file ``name``, in its order.

    Raises:
        TrainingError: it holds none, one has another label or no strokes, or a line between pen down and pen up is
            no point.
    """
    digits = [_digit(label, lines, name) for label, lines in _segments(text)]
    if not digits:
        raise TrainingError(f"{name} holds no digit: no line begins with .SEGMENT DIGIT. Download it again.")
    return digits


def drawn(digit: PenDigit, random: Generator) -> Picture:
    """``digit`` by a pen of some width, uint8 [84, 84], light ink on 0."""
    points = np.concatenate(digit.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = SIZE / max(float((high - low).max()), 1.0)
    side = SIZE + 2 * MARGIN
    width = int(random.integers(*WIDTHS))
    canvas = np.zeros((side, side), np.uint8)
    for stroke in digit.strokes:
        places = (stroke - (low + high) / 2) * scale + side / 2
        fixed = np.round(places * (1 << FRACTION)).astype(np.int32)
        if len(fixed) == 1:
            # OpenCV draws no line of one point
            fixed = np.repeat(fixed, 2, axis=0)
        cv2.polylines(canvas, [fixed], False, 255, width, cv2.LINE_AA, FRACTION)
    return canvas


def _segments(text: str) -> Iterator[tuple[str, list[str]]]:
    """(label, the lines up to the next) of every segment."""
    label, lines = "", list[str]()
    begun = False
    for line in text.splitlines():
        segment = _SEGMENT.match(line)
        if segment is None:
            lines.append(line)
            continue
        if begun:
            yield label, lines
        label, lines, begun = segment[1], [], True
    if begun:
        yield label, lines


def _digit(label: str, lines: Sequence[str], name: str) -> PenDigit:
    if len(label) != 1 or label not in DIGITS:
        raise TrainingError(f"{name} has a segment labelled {label[:20]!r}, which is no digit. Name a file of digits.")
    strokes: list[list[tuple[int, int]]] = []
    down = False
    for line in lines:
        if line.startswith("."):
            down = line.startswith(".PEN_DOWN")
            if down:
                strokes.append([])
        elif down and line.strip():
            strokes[-1].append(_point(line, name))
    found = tuple(np.array(stroke, np.float32) for stroke in strokes if stroke)
    if not found:
        raise TrainingError(f"{name} has a {label} without a stroke. Download it again.")
    return PenDigit(int(label), found)


def _point(line: str, name: str) -> tuple[int, int]:
    point = _POINT.fullmatch(line)
    if point is None:
        raise TrainingError(f"{name} has {line[:40]!r} in the place of a point. Download it again.")
    return int(point[1]), -int(point[2])
