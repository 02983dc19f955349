"""From a grey crop of one digit to the 28x28 picture that the model reads, made the way MNIST was made.

MNIST's recipe (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
the ink is shrunk to fit 20x20 with its proportions kept, the shrinking leaves grey edges, and the centre of
mass goes to the middle of 28x28. Light ink on black.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain import Polarity

NORMALISER_VERSION = 1

SIDE = 28
INK_SIDE = 20
WORKING_SIDE = 256
"""Longest side, in pixels, that ink is looked for in: larger pictures are shrunk first."""
LEAST_CONTRAST = 24
"""Grey levels between paper and ink below which a picture is blank."""

Grey = NDArray[np.uint8]


def normalise(grey: Grey, polarity: Polarity) -> Grey | None:
    """Bring the digit in ``grey`` [height, width], 0 black to 255 white, to MNIST's form.

    Returns:
        uint8 [28, 28], ink light (up to 255) on 0, longest side of the ink 20 px, centre of mass in the
        middle; or None where there is no ink. A picture that is already so is returned unchanged.
    """
    if polarity is Polarity.AUTO:
        polarity = _polarity(grey)
    light = grey if polarity is Polarity.LIGHT_ON_DARK else np.invert(grey)
    if _is_normal(light):
        return light
    ink = _ink(_shrunk(light, WORKING_SIDE))
    if ink is None:
        return None
    return _centred(_stretched(_shrunk(ink, INK_SIDE, enlarge=True)))


def _polarity(grey: Grey) -> Polarity:
    """Paper is what most of the border shows, measured against the middle of the picture's range."""
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    lowest, highest, _, _ = cv2.minMaxLoc(grey)
    middle = (lowest + highest) / 2
    return Polarity.DARK_ON_LIGHT if float(np.median(border)) > middle else Polarity.LIGHT_ON_DARK


def _is_normal(light: Grey) -> bool:
    """Whether the picture is MNIST-made: all 70,000 of MNIST are, and hardly any scan is."""
    if light.shape != (SIDE, SIDE) or 2 * cv2.countNonZero(light) > light.size:
        return False
    _, _, width, height = cv2.boundingRect(light)
    if not INK_SIDE - 1 <= max(width, height) <= INK_SIDE or light.max() < 250:
        return False
    x, y = _centre_of_mass(light)
    return abs(x - SIDE / 2) <= 0.55 and abs(y - SIDE / 2) <= 0.55


def _shrunk(picture: Grey, side: int, *, enlarge: bool = False) -> Grey:
    """The picture with its longest side brought down (or with ``enlarge`` up) to ``side``."""
    height, width = picture.shape
    longest = max(height, width)
    if longest == side or (longest < side and not enlarge):
        return picture
    size = (max(1, round(width * side / longest)), max(1, round(height * side / longest)))
    method = cv2.INTER_AREA if longest > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)


def _ink(light: Grey) -> Grey | None:
    """The box of the ink, its paper black, specks left out; None where there is none."""
    across = max(3, max(light.shape) // 2) | 1
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (across, across))
    above = cv2.morphologyEx(light, cv2.MORPH_TOPHAT, kernel)
    threshold, mask = cv2.threshold(above, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if cv2.mean(above, mask)[0] < LEAST_CONTRAST:
        return None
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.flatnonzero(areas * 20 >= areas.max()) + 1
    if len(kept) < count - 1:
        mask[~np.isin(labels, kept)] = 0
    x, y, width, height = cv2.boundingRect(mask)
    near = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    box = np.where(near > 0, above, 0)[y : y + height, x : x + width].astype(np.float32)
    floor = threshold / 2
    ceiling = cv2.mean(above, mask)[0]
    ink: Grey = np.clip((box - floor) * (255 / (ceiling - floor)), 0, 255).astype(np.uint8)
    return ink


def _stretched(ink: Grey) -> Grey:
    """Ink with its darkest stroke at 255, which shrinking thin strokes has made faint."""
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / max(1, int(ink.max()))), dtype=np.uint8)


def _centre_of_mass(light: Grey) -> tuple[float, float]:
    """In pixel centres: (x, y) of a lone pixel at column 3, row 5 is (3, 5)."""
    moments = cv2.moments(light)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def _centred(ink: Grey) -> Grey:
    """The ink on 28x28 black, shifted by whole pixels so that its centre of mass is within half of 14."""
    height, width = ink.shape
    x, y = _centre_of_mass(ink)
    left = min(max(round(SIDE / 2 - x), 0), SIDE - width)
    top = min(max(round(SIDE / 2 - y), 0), SIDE - height)
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + height, left : left + width] = ink
    return picture
