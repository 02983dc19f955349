"""Whether a crop is dark ink on light paper or light ink on dark."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity

Grey = NDArray[np.uint8]

ONE_TONE = 0.975
"""Share of the border's pixels that are light, or dark, where the border has one tone."""


def polarity_of(grey: Grey) -> Polarity:
    """Weigh two signs of dark ink in ``grey`` [height, width]: a light border, and a few pixels far below their paper.

    The border counts double, for ink is not the smaller part of a digit that is cut tight. It does not count where
    it is of one tone throughout: it may be paper, or the frame of a form's box. The other sign is the skewness of
    the differences from the local mean, so that shadows do not matter.
    """
    lowest, highest, _, _ = cv2.minMaxLoc(grey)
    if lowest == highest:
        return Polarity.DARK_ON_LIGHT
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    light_share = np.count_nonzero(border > int(lowest + highest) // 2) / border.size
    lightness = 0.0
    if 1 - ONE_TONE <= light_share <= ONE_TONE:
        lightness = (2 * cv2.mean(border)[0] - lowest - highest) / (highest - lowest)
    across = max(grey.shape)
    values = grey.astype(np.float32)
    differences = (values - cv2.blur(values, (across, across))).ravel()
    squares = differences * differences
    variance = max(float(differences @ differences) / grey.size, 1e-6)
    skewness = float(squares @ differences) / grey.size / variance**1.5
    return Polarity.DARK_ON_LIGHT if 2 * lightness >= skewness else Polarity.LIGHT_ON_DARK
