"""From a grey crop of one digit to the 28x28 picture that the model reads, made the way MNIST was made.

MNIST's recipe (LeCun et al., "Gradient-based learning applied to document recognition", 1998, section III.A):
the ink is shrunk to fit 20x20 with its proportions kept, the shrinking leaves grey edges, and the centre of
mass goes to the middle of 28x28. Light ink on black. A model's manifest names the version that it was trained
with: any change here that can change a result needs a new number.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain import Polarity

NORMALISER_VERSION = 1

SIDE = 28
INK_SIDE = 20
WORKING_SIDE = 96
"""Longest side, in pixels, that ink is looked for in: larger pictures are shrunk first."""
POLARITY_SIDE = 48
ONE_TONE = 0.975
"""Share of the border's pixels that are light, or dark, where the border has one tone."""
PAPER_WINDOW = 0.55
"""Share of the picture's longest side that is wider than any stroke; paper is wider still."""
LEAST_CONTRAST = 7
"""Grey levels between paper and ink that a picture with a digit has at least."""
NOISE_RATIO = 3.2
"""The same in standard deviations of the paper. Pure noise, split in two, stays under it."""
GRAINY_SIDE = 32
"""From this longest side on a stroke is wide enough for its picture to be smoothed against noise."""
LEAST_EXTENT = 0.1
"""Ink is a digit if its longest piece has this share of the picture's longest side; else it is dirt."""
EDGE = 0.12
"""Outer share of a picture where the lines of a form's box are looked for."""
LINE_FILL = 0.9
"""Share of a row of pixels that is ink where a line runs along it."""
MIDDLE = 0.18
"""Share cut off each side to leave the middle, where a digit has most of its ink."""

Grey = NDArray[np.uint8]


def normalise(grey: Grey, polarity: Polarity) -> Grey | None:
    """Bring the digit in ``grey`` [height, width], 0 black to 255 white, to MNIST's form.

    Returns:
        uint8 [28, 28], ink light (up to 255) on 0, longest side of the ink 20 px, centre of mass in the
        middle; or None where there is no ink. A picture that is already so is returned unchanged.
    """
    if polarity is Polarity.AUTO and _is_mnist_made(grey):
        return grey
    working = _shrunk(grey, WORKING_SIDE)
    if polarity is Polarity.AUTO:
        polarity = _polarity(_shrunk(working, POLARITY_SIDE))
    light = working if polarity is Polarity.LIGHT_ON_DARK else np.invert(working)
    if _is_mnist_made(light):
        return light
    ink = _ink(light)
    if ink is None:
        return None
    sized = _sized(ink)
    return _centred(sized) if sized.any() else None


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
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), dtype=np.uint8)


def _polarity(grey: Grey) -> Polarity:
    """Weigh two signs of dark ink: a light border, and a few pixels much darker than what is round them.

    The border counts double, for ink is not the smaller part of a digit that is cut tight. It does not count where
    it is of one tone throughout: it may be paper, or the frame of a form's box. The other sign is the skewness of
    the differences from the local mean, so that shadows do not matter.
    """
    lowest, highest, _, _ = cv2.minMaxLoc(grey)
    if lowest == highest:
        return Polarity.DARK_ON_LIGHT
    border = np.concatenate((grey[0], grey[-1], grey[:, 0], grey[:, -1]))
    light_share = np.count_nonzero(border > (lowest + highest) / 2) / border.size
    one_tone = not 1 - ONE_TONE <= light_share <= ONE_TONE
    lightness = 0.0 if one_tone else (2 * float(border.mean()) - lowest - highest) / (highest - lowest)
    across = max(grey.shape)
    values = grey.astype(np.float32)
    differences = (values - cv2.blur(values, (across, across))).ravel()
    squares = differences * differences
    variance = max(float(squares.mean()), 1e-6)
    skewness = float((squares * differences).mean()) / variance**1.5
    return Polarity.DARK_ON_LIGHT if 2 * lightness > skewness else Polarity.LIGHT_ON_DARK


def _ink(light: Grey) -> Grey | None:
    """The box of the digit's ink, from 0 to 255 on paper of 0; None where there is no digit."""
    above = cv2.subtract(light, _paper(light))
    calm = cv2.GaussianBlur(above, (3, 3), 0) if max(light.shape) >= GRAINY_SIDE else above
    threshold, mask = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    level = cv2.mean(calm, mask)[0]
    paper, noise = cv2.meanStdDev(calm, mask=cv2.bitwise_not(mask))
    if level - paper.item() < max(LEAST_CONTRAST, NOISE_RATIO * noise.item()):
        return None
    digit = _digit(_without_edge_lines(np.asarray(mask, np.uint8)))
    if digit is None:
        return None
    x, y, width, height = cv2.boundingRect(digit)
    halo = cv2.dilate(digit, np.ones((3, 3), np.uint8))
    box = cv2.bitwise_and(above, halo)[y : y + height, x : x + width].astype(np.float32)
    floor = threshold / 2
    ink: Grey = np.clip((box - floor) * (255 / (level - floor)), 0, 255).astype(np.uint8)
    return ink


def _paper(light: Grey) -> Grey:
    """The picture without its ink: what is left of its light where every stroke is too thin to stay.

    A morphological opening keeps shadows, even sharp ones, and removes strokes.
    """
    across = max(3, int(PAPER_WINDOW * max(light.shape)))
    return np.asarray(cv2.morphologyEx(light, cv2.MORPH_OPEN, np.ones((across, across), np.uint8)), np.uint8)


def _without_edge_lines(mask: Grey) -> Grey:
    """The mask without the lines of a form's box that the crop has left along its edges.

    Where the rest reaches two of the other edges the crop was cut tight round the digit, and the straight
    stroke at its edge (the bar of a 7, the foot of a 2) belongs to it.
    """
    top, bottom = _lines(np.asarray(cv2.reduce(mask, 1, cv2.REDUCE_AVG), np.uint8).ravel())
    left, right = _lines(np.asarray(cv2.reduce(mask, 0, cv2.REDUCE_AVG), np.uint8).ravel())
    if not (top or bottom or left or right):
        return mask
    height, width = mask.shape
    rest = np.zeros_like(mask)
    inside = np.s_[top : height - bottom, left : width - right]
    rest[inside] = mask[inside]
    x, y, across, down = cv2.boundingRect(rest)
    reached = (
        (not top and y == 0)
        + (not bottom and y + down == height)
        + (not left and x == 0)
        + (not right and x + across == width)
    )
    return mask if reached >= 2 else rest


def _lines(averages: Grey) -> tuple[int, int]:
    """How many rows to cut off at either end so that lines there go, with the grey row beside them.

    Args:
        averages: of each row of the mask, 0 to 255.
    """
    filled = averages >= LINE_FILL * 255
    if not filled.any():
        return 0, 0
    band = max(1, int(len(filled) * EDGE))
    at_start, at_end = np.flatnonzero(filled[:band]), np.flatnonzero(filled[::-1][:band])
    return int(at_start[-1]) + 2 if len(at_start) else 0, int(at_end[-1]) + 2 if len(at_end) else 0


def _digit(mask: Grey) -> Grey | None:
    """The mask with only the pieces that make up the digit; None where no piece can be one.

    A piece that touches the edge of the crop (the end of a box line, a neighbour's stroke) counts by its ink
    in the middle alone, unless the main piece itself fills the crop from edge to edge. Pieces under a
    twentieth of the main one are specks.
    """
    height, width = mask.shape
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    if count == 1:
        return None
    left, top, across, down, area = statistics[1:].T
    touched = np.array((left == 0, top == 0, left + across == width, top + down == height))
    x, y = int(MIDDLE * width), int(MIDDLE * height)
    in_middle = np.bincount(labels[y : height - y, x : width - x].ravel(), minlength=count)[1:]
    weight = np.where(touched.any(axis=0), in_middle, area)
    main = int(weight.argmax())
    too_small = max(across[main], down[main]) < LEAST_EXTENT * max(height, width)
    if too_small or weight[main] < 0.1 * area[main]:
        return None
    kept = area >= area[main] / 20
    if np.count_nonzero(touched[:, main]) < 2:
        kept &= weight >= area / 2
        kept[main] = True
    if kept.all():
        return mask
    return np.asarray(np.concatenate(([0], np.where(kept, 255, 0))).astype(np.uint8)[labels])


def _sized(ink: Grey) -> Grey:
    """The ink with its longest side at 20 px, and at 255 where it is strongest.

    Shrinking makes thin strokes faint, hence the second. A side of 19 stays, as it does in MNIST.
    """
    longest = max(ink.shape)
    if not INK_SIDE - 1 <= longest <= INK_SIDE:
        shrinking = longest > INK_SIDE
        ink = _resized(ink, INK_SIDE / longest, cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR)
    return np.asarray(cv2.convertScaleAbs(ink, alpha=255 / max(1, int(ink.max()))), dtype=np.uint8)


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
