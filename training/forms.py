"""What a form leaves in the crop of one box: a tight cut, pieces of the neighbouring digits, the box's lines."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

NEIGHBOURS = 0.35
LINES = 0.4
WIDEST_MARGIN = 12
"""Pixels of paper left around the ink, on a canvas where a digit is about 35 high."""


def cut_out(picture: Picture, draw_neighbour: Callable[[], Picture], random: Generator) -> Picture:
    """The crop of ``picture`` that a form's box would give, with what else the box has in it.

    Args:
        picture: a drawn digit, light on dark, with space around it.
        draw_neighbour: draws another digit in the same way.
    """
    x, y, width, height = cv2.boundingRect((picture > 40).astype(np.uint8))
    if width == 0:
        return picture
    left, right, above, below = (int(margin) for margin in random.integers(1, WIDEST_MARGIN, 4))
    crop = np.zeros((above + height + below, left + width + right), np.uint8)
    crop[above : above + height, left : left + width] = picture[y : y + height, x : x + width]
    if random.random() < NEIGHBOURS:
        sides = int(random.integers(1, 4))
        if sides & 1:
            _lay_at_right_edge(crop[:, ::-1], draw_neighbour()[:, ::-1], left - 1, random)
        if sides & 2:
            _lay_at_right_edge(crop, draw_neighbour(), right - 1, random)
    if random.random() < LINES:
        _lines(crop, random)
    return crop


def _lay_at_right_edge(crop: Picture, neighbour: Picture, room: int, random: Generator) -> None:
    """Let the left end of ``neighbour`` reach into the last ``room`` columns of ``crop``, in place."""
    x, y, width, height = cv2.boundingRect((neighbour > 40).astype(np.uint8))
    shown = min(width, room)
    if shown < 1:
        return
    height = min(height, crop.shape[0])
    top = int(random.integers(0, crop.shape[0] - height + 1))
    place = crop[top : top + height, crop.shape[1] - shown :]
    np.maximum(place, neighbour[y : y + height, x : x + shown], out=place)


def _lines(crop: Picture, random: Generator) -> None:
    """Draw lines along one or two edges in place, whole or in pieces; the bottom one is the most usual."""
    tone = int(random.integers(100, 256))
    for quarter_turns in random.choice(4, int(random.integers(1, 3)), replace=False, p=(0.16, 0.16, 0.52, 0.16)):
        edge = np.rot90(crop, int(quarter_turns))
        depth, thickness = int(random.integers(0, 5)), int(random.integers(1, 5))
        start, stop = 0, edge.shape[1]
        if random.random() < 0.4:
            start, stop = sorted(int(end) for end in random.integers(0, edge.shape[1] + 1, 2))
        line = edge[depth : depth + thickness, start:stop]
        np.maximum(line, tone, out=line)
