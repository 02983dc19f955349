"""From a grey crop of one digit to the 28x28 picture that the model reads, made the way MNIST was made.

MNIST's recipe (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
the ink is shrunk to fit 20x20 with its proportions kept, the shrinking leaves grey edges, and the centre of
mass goes to the middle of 28x28. Light ink on black. A model's manifest names the version that it was trained
with: any change here that can change a picture needs a new number. What is called doubtful is no part of it: where that
changes, ``doubtful_cut`` of the newest model is measured again.
"""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.ink import ink_of
from digitmill.imaging.normaliser.polarity import polarity_of

NORMALISER_VERSION = 4

SIDE = 28
INK_SIDE = 20
WORKING_SIDE = 96
"""Longest side, in pixels, that ink is looked for in: larger pictures are shrunk first."""
POLARITY_SIDE = 48

Grey = NDArray[np.uint8]


class Normalised(NamedTuple):
    """What the model reads, and whether a part of the digit may be missing.

    ``picture`` is uint8 [28, 28], ink light (up to 255) on 0, longest side of the ink 20 px, centre of mass in the
    middle. It is ``doubtful`` where strokes end at an edge of the crop, where ink joined to the digit was taken
    for a form's and left out, and where the ink is so faint that it had to be looked for.
    """

    picture: Grey
    doubtful: bool


def normalise(grey: Grey, polarity: Polarity) -> Grey | None:
    """The picture alone that ``normalise_with_quality`` finds."""
    found = normalise_with_quality(grey, polarity)
    return None if found is None else found.picture


def normalise_with_quality(grey: Grey, polarity: Polarity) -> Normalised | None:
    """Bring the digit in ``grey`` [height, width], 0 black to 255 white, to MNIST's form.

    Returns:
        None where there is no ink. A picture that is already in MNIST's form is returned unchanged.
    """
    if polarity is Polarity.AUTO and _is_mnist_made(grey):
        return Normalised(grey, False)
    working = _shrunk(grey, WORKING_SIDE)
    if polarity is Polarity.AUTO:
        polarity = polarity_of(_shrunk(working, POLARITY_SIDE))
    light = working if polarity is Polarity.LIGHT_ON_DARK else np.invert(working)
    if _is_mnist_made(light):
        return Normalised(light, False)
    ink = ink_of(light)
    if ink is None:
        return None
    sized = _sized(ink.picture)
    return Normalised(_centred(sized), ink.doubtful) if sized.any() else None


def in_mnist_form(ink: Grey) -> Grey:
    """Ink cut to its box, uint8 [height, width] up to 255 on 0, as the model's picture uint8 [28, 28]."""
    return _centred(_sized(ink))


def _is_mnist_made(light: Grey) -> bool:
    """Whether the picture keeps to MNIST's recipe. All 70,000 pictures of MNIST do, and hardly any scan."""
    if light.shape != (SIDE, SIDE) or 2 * cv2.countNonZero(light) > light.size:
        return False
    _, _, width, height = cv2.boundingRect(light)
    if not INK_SIDE - 1 <= max(width, height) <= INK_SIDE or light.max() < 250:
        return False
    x, y = _centre_of_mass(light)
    return abs(x - SIDE / 2) < 0.55 and abs(y - SIDE / 2) < 0.55


def _shrunk(picture: Grey, side: int) -> Grey:
    longest = max(picture.shape)
    return picture if longest <= side else _resized(picture, side / longest, cv2.INTER_AREA)


def _resized(picture: Grey, scale: float, interpolation: int) -> Grey:
    height, width = picture.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast("Grey", cv2.resize(picture, size, interpolation=interpolation))


def _sized(ink: Grey) -> Grey:
    """The ink with its longest side at 20 px, and at 255 where it is strongest.

    Shrinking makes thin strokes faint, hence the second. A side of 19 stays, as it does in MNIST.
    """
    longest = max(ink.shape)
    if not INK_SIDE - 1 <= longest <= INK_SIDE:
        shrinking = longest > INK_SIDE
        ink = _resized(ink, INK_SIDE / longest, cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return cast("Grey", cv2.convertScaleAbs(ink, alpha=255 / max(1.0, cv2.minMaxLoc(ink)[1])))


def _centre_of_mass(light: Grey) -> tuple[float, float]:
    """(x, y) in pixels: that of a lone pixel in column 3 of row 5 is (3, 5)."""
    moments = cv2.moments(light)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def _centred(ink: Grey) -> Grey:
    """The ink on 28x28 of 0, moved by whole pixels until its centre of mass is within half of (14, 14)."""
    height, width = ink.shape
    x, y = _centre_of_mass(ink)
    left = min(max(round(SIDE / 2 - x), 0), SIDE - width)
    top = min(max(round(SIDE / 2 - y), 0), SIDE - height)
    picture = np.zeros((SIDE, SIDE), np.uint8)
    picture[top : top + height, left : left + width] = ink
    return picture
