"""The last look at every field by itself: is its print where the page's bend says?

To move a field once more by its own print alone was tried. It took right places to wrong ones three times as often as
the other way: a comb looks like itself all along. So a field that is not at its place is not read. Ink that people
added lies inside the boxes and over their lines: only points on the reference's print and close to it are compared,
by normalised correlation.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, Quad, mapped
from digitmill.forms.template import Template

Grey = NDArray[np.uint8]

BOXES = 4
"""Boxes of a field that are looked at together, at most: crumpled paper moves those of a long comb differently."""
POINTS = 160
MARGINS = (6, 12, 24, 48)
"""Pixels around the boxes where print is looked for: the smallest that holds enough."""
LEAST_PRINT = 40
"""Pixels of ink that are enough to find a part by."""
PRINT = 96
"""Ink from which on a pixel of a reference is print."""


@dataclass(frozen=True)
class Parts:
    """Runs of boxes of a template's fields at WORK_DPI.

    Attributes:
        fields: int64[p], the field of each part.
        boxes: first and past the last box of each in its field, int64[p, 2].
        points: int64[p, POINTS, 2], x and y of what is compared.
        print: float64[p, POINTS], the reference's ink there, of mean 0 and length 1; 0 where there is no print.
    """

    fields: NDArray[np.int64]
    boxes: NDArray[np.int64]
    points: NDArray[np.int64]
    print: Floats


def parts_of(template: Template, ink: Grey, forth: Floats) -> Parts:
    """Args: ink: the reference's at WORK_DPI; forth: float[3, 3] from the reference's pixels to them."""
    close = np.asarray(cv2.dilate((ink >= PRINT).astype(np.uint8), np.ones((5, 5), np.uint8)), np.uint8)
    fields, boxes, points, prints = [], [], [], []
    for number, field in enumerate(template.fields):
        for first in range(0, len(field.quads), BOXES):
            quads = field.quads[first : first + BOXES]
            chosen = _points(ink, close, quads, forth)
            values = ink[chosen[:, 1], chosen[:, 0]].astype(float)
            values -= values.mean()
            fields.append(number)
            boxes.append((first, first + len(quads)))
            points.append(chosen)
            prints.append(values / max(float(np.linalg.norm(values)), 1e-9))
    return Parts(np.array(fields), np.array(boxes), np.array(points), np.array(prints))


def _points(ink: Grey, close: Grey, quads: tuple[Quad, ...], forth: Floats) -> NDArray[np.int64]:
    """POINTS of them around some boxes, half on print and half beside it; all in one place where there is none."""
    height, width = ink.shape
    corners = mapped(forth, np.array(quads).reshape(-1, 2))
    low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
    for margin in MARGINS:
        left, top = np.clip(low - margin, 0, [width - 1, height - 1])
        right, bottom = np.clip(high + margin + 1, [left + 1, top + 1], [width, height])
        part, near = ink[top:bottom, left:right], close[top:bottom, left:right]
        on, beside = np.argwhere(part >= PRINT), np.argwhere((part < PRINT) & (near > 0))
        if len(on) >= LEAST_PRINT and len(beside) >= LEAST_PRINT:
            random = np.random.default_rng(0)
            chosen = np.concatenate([random.choice(some, POINTS // 2) for some in (on, beside)])
            return np.asarray(chosen[:, ::-1] + (left, top))
    return np.zeros((POINTS, 2), np.int64)


def likeness_of(parts: Parts, seen: Grey) -> Floats:
    """How much each part of a straightened scan looks like the reference's, float[p], -1 to 1, give or take a pixel.

    0 where the reference has no print to compare.
    """
    around = cv2.copyMakeBorder(seen, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    width = around.shape[1]
    base = (parts.points[:, :, 1] + 1) * width + parts.points[:, :, 0] + 1
    steps = np.array([width * down + across for down in (-1, 0, 1) for across in (-1, 0, 1)])
    values = around.ravel()[base[:, None] + steps[:, None]].astype(np.float32)
    values -= values.mean(axis=2, keepdims=True)
    lengths = np.sqrt(np.einsum("pts,pts->pt", values, values))
    likeness = np.einsum("pts,ps->pt", values, parts.print.astype(np.float32)) / np.maximum(lengths, 1e-6)
    return np.asarray(likeness.max(axis=1), np.float64)
