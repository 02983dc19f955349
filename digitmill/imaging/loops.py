"""Digits whose ink encloses more than the digit does: struck through, or with another digit written on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

INKED = 64, 128
"""Grey levels from which on a pixel of a model's picture is ink: loops that the one or the other closes are chance."""
MOST = {0: 1, 8: 2}
"""Holes that a digit has at most, but for one for each further piece of ink. Hands close others at times."""
LOOPED = tuple(MOST)
"""The digits that are looked at."""
QUARTERS = np.array([0, 1, 1, 0, 1, 0, -2, -1, 1, -2, 0, -1, 0, -1, -1, 0], np.int8)
"""What each square adds to four times the number."""


def too_many_loops(pictures: NDArray[np.uint8], digits: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Of each of ``pictures``, uint8 [n, 28, 28], ink light, whether it has more holes than its digit, int [n].

    The digits are some of ``LOOPED``.
    """
    least = [1 - MOST[digit] for digit in digits.tolist()]
    return np.asarray(np.logical_and(*(_euler(pictures >= level) < least for level in INKED)))


def struck_through(
    pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], digits: NDArray[np.intp], sure: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of the digits that a model is ``sure`` of have a stroke through them, by their loops: bool [n].

    Args:
        pictures: n of uint8 [28, 28], as the model sees them.
        digits: the likeliest digit of each, intp [n].
        sure: which of them would be accepted, bool [n]; the others are not looked at.
    """
    found = np.zeros(len(pictures), np.bool_)
    places = np.flatnonzero(sure & np.isin(digits, LOOPED))
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
