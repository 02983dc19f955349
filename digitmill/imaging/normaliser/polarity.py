"""Whether a crop is dark ink on light paper or light ink on dark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity

Grey = NDArray[np.uint8]

ONE_TONE = 0.975
"""Share of the border's pixels that are light, or dark, where the border has one tone."""
FRAME_DEPTH = 0.13
"""Outer share of a crop in which the frame of a form's box ends."""
FRAME_RING = 0.9
"""Share of a ring of pixels just inside a frame that has the tone of the paper."""
SLIM = 0.4
"""Width by height of a crop that holds a lone stroke and no box."""


def polarity_of(grey: Grey) -> Polarity:
    """The polarity of ``grey`` [height, width], by its border where that has one tone.

    Such a border is the paper around the digit, or the frame of a form's box, which is thin and has paper inside.
    Where the border has both tones, two signs of dark ink are weighed. The first is a light border; it counts double,
    for ink is not the smaller part of a digit that is cut tight. The other is the skewness of the differences from the
    local mean, so that shadows do not matter: a few pixels lie far below their paper.
    """
    lowest, highest, _, _ = cv2.minMaxLoc(grey)
    if lowest == highest:
        return Polarity.DARK_ON_LIGHT
    middle = int(lowest + highest) // 2
    border = _ring(grey, 0)
    light_share = np.count_nonzero(border > middle) / border.size
    if light_share > ONE_TONE or light_share < 1 - ONE_TONE:
        light = light_share > ONE_TONE
        # paper is the larger part of most crops, and then the border is paper
        if (cv2.mean(grey)[0] > middle) != light:
            dark_border = np.invert(grey) if light else grey
            light ^= _is_frame(dark_border, 255 - middle if light else middle)
        return Polarity.DARK_ON_LIGHT if light else Polarity.LIGHT_ON_DARK
    lightness = (2 * cv2.mean(border)[0] - lowest - highest) / (highest - lowest)
    across = max(grey.shape)
    values = grey.astype(np.float32)
    differences = (values - cv2.blur(values, (across, across))).ravel()
    squares = differences * differences
    variance = max(float(differences @ differences) / grey.size, 1e-6)
    skewness = float(squares @ differences) / grey.size / variance**1.5
    return Polarity.DARK_ON_LIGHT if 2 * lightness >= skewness else Polarity.LIGHT_ON_DARK


def _ring(grey: Grey, depth: int) -> Grey:
    """The pixels at ``depth`` from the edges."""
    inner = grey[depth : grey.shape[0] - depth, depth : grey.shape[1] - depth]
    return np.concatenate((inner[0], inner[-1], inner[:, 0], inner[:, -1]))


def _is_frame(grey: Grey, middle: int) -> bool:
    """Whether the dark border of ``grey`` is a thin frame with paper lighter than ``middle`` just inside it."""
    height, width = grey.shape
    if min(height, width) < SLIM * max(height, width):
        return False
    deepest = min(max(2, int(FRAME_DEPTH * max(grey.shape))), (min(grey.shape) - 1) // 2)
    for depth in range(1, deepest + 1):
        ring = _ring(grey, depth)
        if np.count_nonzero(ring > middle) >= FRAME_RING * ring.size:
            return True
    return False
