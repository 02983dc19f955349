"""The paper of a crop: laid around it, so that nothing depends on where it was cut, and told apart from the ink.

All pictures here are "light": uint8 [height, width], ink lighter than paper.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

PADDING = 4
"""Pixels of paper laid around a picture, so that nothing depends on where it was cut."""
BAND = 0.3
"""Width of the band at an edge, by the longest side, whose darkest tone is the paper's: wider than any stroke."""
PLAIN = 0.25
"""Share of a picture's whole range that the tones of its outermost pixels span where these are paper."""
SLOPE = 0.12
"""Share of a picture's whole range by which paper may grow lighter from one cell to the next."""
CELLS, CELL = 3, 6
"""The band is looked at in so many cells across, each of so many pixels along the edge."""
PAPER_WINDOW = 0.55
"""Share of the picture's longest side that is wider than any stroke; paper is wider still."""
GRAINY_SIDE = 32
"""From this longest side on a stroke is wide enough for its picture to be smoothed against noise."""
SPECK_SIDE = 5
"""Pixels of the largest white speck in paper."""


def on_more_paper(light: Grey) -> tuple[tuple[slice, slice], Grey]:
    """``light`` with its own paper laid around it, and where it lies in that.

    The tone of the paper at an edge is the darkest of a band along it, without what is narrow: strokes that reach the
    edge or run along it are no paper, and shadows are.
    """
    height, width = light.shape
    rows, columns = slice(PADDING, PADDING + height), slice(PADDING, PADDING + width)
    if _has_paper_border(light):
        return (rows, columns), cast("Grey", cv2.copyMakeBorder(light, *4 * (PADDING,), cv2.BORDER_REPLICATE))
    depth = max(2, int(BAND * max(light.shape)))
    padded = cast("Grey", cv2.copyMakeBorder(light, *4 * (PADDING,), cv2.BORDER_CONSTANT, value=0))
    lowest, highest, _, _ = cv2.minMaxLoc(light)
    contrast = highest - lowest
    tones = (
        _tone(light[:depth], 0, contrast),
        _tone(light[-depth:], 0, contrast, from_end=True),
        _tone(light[:, :depth], 1, contrast),
        _tone(light[:, -depth:], 1, contrast, from_end=True),
    )
    padded[:PADDING, columns], padded[PADDING + height :, columns] = tones[0], tones[1]
    padded[rows, :PADDING], padded[rows, PADDING + width :] = tones[2], tones[3]
    first, below, beside = slice(0, PADDING), slice(PADDING + height, None), slice(PADDING + width, None)
    padded[first, first] = min(tones[0][0, 0], tones[2][0, 0])
    padded[first, beside] = min(tones[0][0, -1], tones[3][0, 0])
    padded[below, first] = min(tones[1][0, 0], tones[2][-1, 0])
    padded[below, beside] = min(tones[1][0, -1], tones[3][-1, 0])
    return (rows, columns), padded


def paper_of(light: Grey, longest: int) -> Grey:
    """The picture without its ink: what is left of its light where every stroke is too thin to stay.

    A morphological opening keeps shadows, even sharp ones, and removes strokes.
    """
    across = max(3, int(PAPER_WINDOW * longest))
    if longest >= GRAINY_SIDE:
        # else one white speck would make all the paper about it look like ink
        light = cast("Grey", cv2.morphologyEx(light, cv2.MORPH_CLOSE, square(SPECK_SIDE)))
    return cast("Grey", cv2.morphologyEx(light, cv2.MORPH_OPEN, square(across)))


def _has_paper_border(light: Grey) -> bool:
    """Whether the outermost pixels are all about as dark, next to the ink."""
    darkest, lightest = 255.0, 0.0
    for side in sides(light):
        low, high, _, _ = cv2.minMaxLoc(side)
        darkest, lightest = min(darkest, low), max(lightest, high)
    low, high, _, _ = cv2.minMaxLoc(light)
    return lightest - darkest <= PLAIN * (high - low) and darkest - low <= PLAIN * (high - low)


def _tone(band: Grey, axis: int, contrast: float, *, from_end: bool = False) -> Grey:
    """The paper's tone along a band at an edge: [1, width] for axis 0, [height, 1] for axis 1.

    The edge is the first row or column of the band, or with ``from_end`` the last. The band is looked at in cells, so
    that neither noise nor specks decide.
    """
    along = band if axis == 0 else band.T
    if from_end:
        along = along[::-1]
    length = along.shape[1]
    cells = cast("Grey", cv2.resize(along, (max(2, length // CELL), CELLS), interpolation=cv2.INTER_AREA))
    least = _without_ink(cells, contrast)
    window = max(3, int(PAPER_WINDOW * least.shape[1]))
    opened = cv2.morphologyEx(least, cv2.MORPH_OPEN, np.ones((1, window), np.uint8))
    tone = cast("Grey", cv2.resize(opened, (length, 1), interpolation=cv2.INTER_LINEAR))
    return tone if axis == 0 else tone.T


def _without_ink(cells: Grey, contrast: float) -> Grey:
    """The tone [1, n] in the first row of ``cells`` [3, n], as the others foretell it where it is ink.

    Paper that grows lighter or darker does so evenly from cell to cell. Where the step is larger, a stroke ends there.
    """
    first, second, third = cells.astype(np.int16)
    even = second - third <= SLOPE * contrast + 2
    foretold = np.where(even, np.maximum(2 * second - third, second), np.minimum(second, third))
    # the edge is half a cell away from the middle of the first
    onwards = np.where(even, np.maximum(second - third, 0) // 2, 0)
    return np.asarray((np.minimum(first, foretold) + onwards)[None].clip(0, 255), np.uint8)


def sides(picture: Grey) -> tuple[Grey, Grey, Grey, Grey]:
    """The outermost pixels at the top, the bottom, the left and the right."""
    return picture[:1], picture[-1:], picture[:, :1], picture[:, -1:]


@lru_cache(maxsize=64)
def square(side: int) -> Grey:
    return np.ones((side, side), np.uint8)
