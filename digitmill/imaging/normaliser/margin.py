"""What lies in the outer part of a page: ink that was written near its side, or the edge of the paper, the dark border
and the shadow that scanners leave there.

A border runs along the side that it touches, longer than a digit is high, or does not reach far into the page. A stroke
that is cut by the side touches it with its ends alone, or along no more than a digit's height.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.normaliser.pieces import Piece

Grey = NDArray[np.uint8]
Counts = NDArray[np.int64]

LEAST_EXTENT = 11
"""Longest side, in pixels, of ink in the margin, where fragments of borders and staples are."""
LEAST_AT_BORDER = 20
"""The same on a side that has a border, which is ragged."""
BORDER, RAGGED, SPREAD = 0.04, 0.2, 0.6
"""A border is so long, by the page's longest side, and all of a ragged one by the side that it lies along; with so much
of its own length at most ink touches a side."""
SOLID, THICK, LONG = 0.7, 14, 2.5
"""A piece that fills so much of its box and is broader than so many pixels is a hole, a corner or a blot, unless it is
so many times as long as it is broad."""
JOINED, LINE = 41, 7
"""Pieces so many pixels apart along a side are a line that was broken, if together they are no thicker than this: the
edge of the paper, or a fold."""
SLENDER = 10


class Margin:
    """The outer part of ``mask``, uint8 [height, width] of 0 and 1, in which pieces of ink have ``labels``."""

    def __init__(self, mask: Grey, labels: NDArray[np.int32], count: int) -> None:
        self._shape = mask.shape
        self._mask = mask
        sides = labels[0], labels[-1], labels[:, 0], labels[:, -1]
        self._touching: list[Counts] = [np.bincount(side, minlength=count) for side in sides]
        self._long = BORDER * max(mask.shape)
        lengths = (mask.shape[1], mask.shape[1], mask.shape[0], mask.shape[0])
        inked = list(zip((each[1:] for each in self._touching), lengths, strict=True))
        self._bordered = [bool(touching.max(initial=0) >= self._long) for touching, length in inked]
        self._ragged = [bool(touching.sum() >= RAGGED * length) for touching, length in inked]

    def is_ink(self, number: int, piece: Piece, depth: float) -> bool:
        """Whether the piece with this label, which reaches into the outer ``depth`` pixels, was written there."""
        extent, breadth = max(piece.across, piece.down), min(piece.across, piece.down)
        if extent < LEAST_EXTENT:
            return False
        solid = piece.area >= SOLID * piece.across * piece.down
        if solid and breadth > THICK and extent < LONG * breadth:
            return False
        spread = 0
        for side, room in enumerate(self._room(piece)):
            along, inwards = (piece.across, piece.down) if side < 2 else (piece.down, piece.across)
            touching = int(self._touching[side][number])
            spread += touching > SPREAD * along
            shallow = inwards < (along if touching >= self._long else LEAST_EXTENT)
            if touching and (self._ragged[side] or (touching > SPREAD * along and shallow)):
                return False
            bordered = self._bordered[side] or self._ragged[side]
            if room < depth and bordered and extent < LEAST_AT_BORDER:
                return False
            if room < depth and inwards <= LINE and self._is_in_line(piece, upright=side >= 2):
                return False
        # what fills a corner of the page lies along both of its sides
        return spread < 2

    def _room(self, piece: Piece) -> tuple[int, int, int, int]:
        """Pixels from the piece to the top, the bottom, the left and the right."""
        left, right, top, bottom = piece.room(*self._shape)
        return top, bottom, left, right

    def _is_in_line(self, piece: Piece, *, upright: bool) -> bool:
        """Whether it goes on along the side, beyond gaps, as one thin line."""
        turned = self._mask.T if upright else self._mask
        first, last = (piece.left, piece.left + piece.across) if upright else (piece.top, piece.top + piece.down)
        band = turned[max(0, first - LINE) : last + LINE].max(axis=0)
        closed = cv2.morphologyEx(band[None], cv2.MORPH_CLOSE, np.ones((1, JOINED), np.uint8)).ravel()
        place = piece.top if upright else piece.left
        ends = np.flatnonzero(np.concatenate(([0], closed, [0])) == 0) - 1
        after = int(np.searchsorted(ends, place))
        return bool(ends[after] - ends[after - 1] > SLENDER * LINE)
