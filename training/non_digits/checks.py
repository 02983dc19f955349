"""What a scan may have made of a drawing: such a picture is left out where it could be taken for a digit."""

from __future__ import annotations

import math

import cv2

from training.drawn.likeness import likeness
from training.non_digits.strokes import Picture

LEAST_LIKENESS = 0.88
"""Of a picture to its drawing: less of it may be a digit by accident."""
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
