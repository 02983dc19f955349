"""Ink that only its colour tells from its paper, as red ink on paper that is as bright in grey."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

ENOUGH = 24
"""Grey levels that a picture spans in which grey shows the ink; no colour is then looked at."""
LEAST, TIMES = 48, 3
"""Levels that a channel spans at least, and how many times as many as grey does, to be taken in its place. The noise
and the blocks that a JPEG of quality 20 puts into the colours of blank paper stay below 30."""
SIDE = 96
"""Pixels of the longest side at which pictures are compared: the normaliser looks no closer."""
COLOURED = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "CMYK", "YCbCr", "HSV")
"""Pillow's modes of pictures with a colour that it can turn to red, green and blue."""


def hides_ink(grey: Grey) -> bool:
    """Whether ``grey`` [height, width] spans so few levels that ink may lie in its picture's colours alone."""
    return _span(grey) < ENOUGH


def by_colour(grey: Grey, channel: Callable[[int], Grey]) -> Grey:
    """The channel in which ink stands out best, dark on light paper, or ``grey`` where none shows much more.

    Args:
        grey: uint8 [height, width] that ``hides_ink``.
        channel: gives red (0), green (1) or blue (2) of the same picture, uint8 [height, width].
    """
    best, widest = grey, max(LEAST, TIMES * _span(grey)) - 1
    for number in range(3):
        plane = channel(number)
        span = _span(plane)
        if span > widest:
            best, widest = plane, span
    return best if best is grey else _dark_on_light(best)


def _dark_on_light(plane: Grey) -> Grey:
    """Paper is most of a picture: where its tone is one of the darker ones, the ink is lighter, as red is in red."""
    small = _small(plane)
    middle = (int(small.min()) + int(small.max())) / 2
    return plane if np.median(small) >= middle else np.invert(plane)


def _span(picture: Grey) -> int:
    small = _small(picture)
    return int(small.max()) - int(small.min())


def _small(picture: Grey) -> Grey:
    """Shrunk and smoothed, so that neither noise nor specks count."""
    longest = max(picture.shape)
    if longest > SIDE:
        scale = SIDE / longest
        size = tuple(max(1, round(extent * scale)) for extent in picture.shape[::-1])
        picture = cast("Grey", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
    return cast("Grey", cv2.blur(picture, (3, 3)))
