"""Whether a picture still shows what was drawn, after a scanner and the normaliser have had it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def likeness(picture: Picture, ink: Picture) -> float:
    """Correlation, -1 to 1, of ``picture`` with ``ink`` brought to the same size and place."""
    first, second = (cv2.GaussianBlur(each, (5, 5), 1.2) for each in (picture, _sized(ink)))
    return float(cv2.matchTemplate(first, second, cv2.TM_CCOEFF_NORMED)[0, 0])


def _sized(ink: Picture) -> Picture:
    """``ink`` on 28x28, 20 pixels long, with its centre of mass in the middle."""
    _, _, width, height = cv2.boundingRect((ink > 64).astype(np.uint8))
    scale = 20 / max(width, height, 1)
    moments = cv2.moments(ink)
    x, y = (moments[name] / max(moments["m00"], 1) for name in ("m10", "m01"))
    matrix: NDArray[np.float64] = np.array(((scale, 0, 14 - scale * x), (0, scale, 14 - scale * y)))
    return np.asarray(cv2.warpAffine(ink, matrix, (28, 28), flags=cv2.INTER_LINEAR), np.uint8)
