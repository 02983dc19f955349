"""Digits whose ink encloses more than the digit does: struck through, or with another digit written on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

INKED = 64, 128
"""Grey levels from which on a pixel of a model's picture is ink: loops that the one or the other closes are chance."""
MOST = {0: 1, 8: 2}
"""Holes that a digit has at most, but for one for each further piece of ink. Hands close others at times."""
LOOPED = tuple(MOST)
"""The digits that are looked at."""
SUREST = 0.9999
"""From here on a loop is taken for a hand's curl: half of the zeros and eights with one too many that were written so
are as sure, and 1 of 48 of those that were struck out."""
QUARTERS = np.array([0, 1, 1, 0, 1, 0, -2, -1, 1, -2, 0, -1, 0, -1, -1, 0], np.int8)
"""What each square adds to four times the number."""


def too_many_loops(pictures: NDArray[np.uint8], digits: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Of each of ``pictures``, uint8 [n, 28, 28], ink light, whether it has more holes than its digit, int [n].

    The digits are some of ``LOOPED``.
    """
    least = [1 - MOST[digit] for digit in digits.tolist()]
    return np.asarray(np.logical_and(*(_euler(pictures >= level) < least for level in INKED)))


def struck_through(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8],
    digits: NDArray[np.intp],
    confidences: NDArray[np.floating[Any]],
    sure_from: float,
) -> NDArray[np.bool_]:
    """Which digits that would be accepted, but not beyond doubt, have a stroke through them by their loops: bool [n].

    Args:
        pictures: n of uint8 [28, 28], as the model sees them.
        digits: the likeliest digit of each, intp [n].
        confidences: how sure the model is of it, float [n], 0 to 1.
        sure_from: the threshold; pictures below it are not looked at, nor from ``SUREST`` on.
    """
    found = np.zeros(len(pictures), np.bool_)
    # as float64, or the thresholds would be rounded before they are compared
    wide = confidences.astype(np.float64)
    places = np.flatnonzero((wide >= sure_from) & (wide < SUREST) & np.isin(digits, LOOPED))
    if places.size:
        found[places] = too_many_loops(np.stack([pictures[place] for place in places.tolist()]), digits[places])
    return found


def _euler(pictures: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Pieces of ink less holes in them, by its squares of four pixels (Gray, "Local properties of binary images in two
    dimensions", 1971). Pixels that touch at a corner are joined."""
    ink = np.pad(pictures, ((0, 0), (1, 1), (1, 1))).view(np.uint8)
    rows = ink[:, :-1] + 2 * ink[:, 1:]
    # each of the 16 squares as a number: bits for top left, bottom left, top right, bottom right
    squares = rows[:, :, :-1] + 4 * rows[:, :, 1:]
    return np.asarray(QUARTERS[squares].sum(axis=(1, 2), dtype=np.intp) // 4)
