"""Whether a part of a strip's number may be lost: digits that were cut through at a side of the crop, and ink that is
too faint beside the rest, as of a pen that runs dry."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.normaliser.ink import runs
from digitmill.imaging.normaliser.paper import square

Grey = NDArray[np.uint8]

INWARDS = 0.06
"""How far inside the strip, by its height, it is looked whether strokes at its side go on."""
AS_WIDE, AS_DARK = 0.7, 0.92
"""Least width of a stroke at the side that was cut through, by its width further in, and least ink there by that of all
strokes: one that ends at the side ends round, and half in the paper."""
THICK = 2
"""Pixels of such a stroke at least."""
FAINTEST, NOISE_RATIO, FAINT_SHARE = 5.0, 4.0, 0.08
"""Grey levels between paper and faint ink, and the same in standard deviations of the paper, and by the ink found."""
CLOSE = 24
"""Ink is blurred over the paper by the height of the strip divided by so much."""
LOW, HIGH, BROAD = 0.45, 1.4, 1.6
"""Of a faint digit by the height of the rest: its least and its greatest height, and its greatest width."""
BESIDE = 0.6
"""Share of its height in which such a digit stands beside the rest."""
UNDER = 0.5
"""Share of its width in which it stands above or under the rest: more is a shade of that."""
SLIM = 0.06
"""Lines of a form and creases are no wider than this share of the height of the rest."""


def is_cut_through(above: Grey, ink: Grey) -> bool:
    """Whether strokes run on beyond the left or the right side of the strip.

    Args:
        above: uint8 [height, width], how much lighter than the paper a pixel is, of light ink.
        ink: mask of the same shape, 0 or 255.
    """
    depth = max(1, round(INWARDS * ink.shape[0]))
    if ink.shape[1] <= 2 * depth:
        return False
    level = max(cv2.mean(above, ink)[0], 1.0)
    return any(
        _runs_on(ink[:, side], ink[:, inner], above[:, side] / level, depth)
        for side, inner in ((0, depth), (-1, -1 - depth))
    )


def _runs_on(side: Grey, inner: Grey, dark: NDArray[np.float64], depth: int) -> bool:
    further = runs(inner)
    for start, stop in runs(side):
        near = [last - first for first, last in further if first <= stop + depth and last >= start - depth]
        as_wide = bool(near) and stop - start >= max(THICK, AS_WIDE * min(max(near), stop - start + depth))
        if as_wide and float(dark[start:stop].mean()) >= AS_DARK:
            return True
    return False


def faint_ink(calm: Grey, ink: Grey) -> Grey:
    """Where a strip is darker than its paper, as a mask, 0 or 255: the ink that was found, and whatever is fainter.

    Args:
        calm: uint8 [height, width], how much lighter than the paper a pixel is, of light ink, smoothed.
        ink: mask of what was found, 0 or 255.
    """
    rest = calm[_about(ink) == 0]
    if not rest.size:
        return ink
    paper = float(np.median(rest))
    # of what lies below the middle there is no faint ink
    noise = float(np.sqrt(np.mean(np.square(paper - rest[rest <= paper]))))
    least = max(FAINTEST, NOISE_RATIO * noise, FAINT_SHARE * (cv2.mean(calm, ink)[0] - paper))
    return np.where(calm > paper + least, np.uint8(255), np.uint8(0))


def has_fainter(faint: Grey, ink: Grey) -> bool:
    """Whether a piece of ``faint`` ink, without print, stands beside the ink found and is as high as a digit."""
    alone = cast("Grey", cv2.bitwise_and(faint, cv2.bitwise_not(_about(ink))))
    covered = np.asarray(ink.any(axis=0))
    _, top, _, tall = cv2.boundingRect(ink)
    found = cv2.connectedComponentsWithStats(alone, connectivity=8)[2][1:]
    for x, y, across, down, area in found.tolist():
        level = min(y + down, top + tall) - max(y, top)
        is_digit = LOW * tall <= down <= HIGH * tall and across <= BROAD * tall and area > SLIM * tall * down
        if is_digit and level >= BESIDE * down and covered[x : x + across].mean() <= UNDER:
            return True
    return False


def _about(ink: Grey) -> Grey:
    """The ink and the paper close to it, as a mask."""
    return cast("Grey", cv2.dilate(ink, square(2 * max(2, ink.shape[0] // CLOSE) + 1)))
