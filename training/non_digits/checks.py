"""What a scan may have made of a drawing: such a picture is left out where it could be taken for a digit."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from training.non_digits.strokes import Picture

LEAST_LIKENESS = 0.88
"""Correlation of a picture with its drawing, both a little blurred."""
SLIM = 2.2
"""Length by breadth, as standard deviations of the ink, from which a shape may be a 1."""
LEVEL = 40.0
"""Degrees from the horizontal up to which a slim shape is a dash."""


def like_a_one(picture: Picture) -> bool:
    """Whether ``picture`` is slim and stands upright or leans, as a 1 does."""
    moments = cv2.moments(picture)
    across, down, both = (moments[name] / max(moments["m00"], 1) for name in ("mu20", "mu02", "mu11"))
    spread = math.hypot(across - down, 2 * both)
    longest, least = across + down + spread, max(across + down - spread, 1e-6)
    if longest < SLIM**2 * least:
        return False
    angle = abs(math.degrees(0.5 * math.atan2(2 * both, across - down)))
    return angle > LEVEL


def like_its_drawing(picture: Picture, ink: Picture) -> bool:
    """Whether ``picture`` [28, 28] still shows the whole of ``ink`` [height, width]."""
    return likeness(picture, ink) >= LEAST_LIKENESS


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
