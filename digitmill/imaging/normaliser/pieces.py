"""Which connected pieces of ink make up the digit in a crop, and which are specks, full stops and neighbours."""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

LEAST_EXTENT = 0.1
"""Ink is a digit if its longest piece has this share of the picture's longest side; else it is dirt."""
SPECK = 0.05
"""Pieces with less than this share of the main piece's area are no part of the digit."""
DOT_SIDE, DOT_LOW = 0.22, 0.6
"""A full stop beside a digit is smaller than this share of its longest side, and lower than this of its height."""
APART = 0.03
"""A neighbour's stroke at the crop's edge keeps this distance from the digit, by the digit's longest side."""
BALANCE = 0.4
"""Room on the far side of a digit, by that on the side of its neighbour, in a crop that was cut around the digit."""
LOOSE, SLIVER = 0.04, 0.3
"""Room around a digit by the crop's longest side, in a crop that was not cut at its ink; and the area of what reaches
in there and does not lie apart, by the digit's."""
FRAGMENT = 0.1
"""Share of a piece's ink that is in the middle of the crop where the piece is the digit."""
MIDDLE = 0.18
"""Share cut off each side to leave the middle, where a digit has most of its ink."""


class Piece(NamedTuple):
    """A connected piece of ink: its box, and how many pixels are ink."""

    left: int
    top: int
    across: int
    down: int
    area: int

    def touches(self, height: int, width: int) -> int:
        """How many edges of a picture of this size it reaches."""
        right, bottom = self.left + self.across, self.top + self.down
        return (self.left == 0) + (self.top == 0) + (right == width) + (bottom == height)

    def room(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Pixels from it to the left, right, top and bottom edge of a picture of this size."""
        return self.left, width - self.left - self.across, self.top, height - self.top - self.down

    def is_neighbour_of(self, main: Piece, height: int, width: int, inner: float) -> bool:
        """Whether it reaches in at an edge of a crop of this size that was cut around the main piece.

        ``inner`` is the share of its ink in the middle of the crop. Where the crop is cut around both pieces, as
        around two digits, the main one is not in its middle; where it is cut at the digit, the main one reaches the
        edge too.
        """
        room = main.room(height, width)
        apart = (
            main.left - self.left - self.across,
            self.left - main.left - main.across,
            main.top - self.top - self.down,
            self.top - main.top - main.down,
        )
        side = apart.index(max(apart))
        if apart[side] >= APART * max(main.across, main.down):
            return self.area < main.area and room[side ^ 1] >= BALANCE * room[side]
        touched = [edge for edge, own in enumerate(self.room(height, width)) if own == 0]
        loose = [part >= LOOSE * max(height, width) for part in room]
        return (
            inner < 0.5 and self.area < SLIVER * main.area and all(loose[edge] for edge in touched) and sum(loose) > 2
        )

    def is_dot_beside(self, main: Piece) -> bool:
        """Whether it is compact, small, low and beside the main piece: a full stop, a decimal point."""
        longest, shortest = max(self.across, self.down), min(self.across, self.down)
        if not longest / 2 < shortest or longest >= DOT_SIDE * max(main.across, main.down):
            return False
        middle = self.left + self.across / 2 - main.left
        low = self.top + self.down / 2 > main.top + DOT_LOW * main.down
        return low and (middle > main.across / 2 or middle < 0)


def digit_of(mask: Grey) -> Grey | None:
    """The mask with only the pieces that make up the digit; None where no piece can be one.

    A piece that touches the edge of the crop (the end of a box line, a neighbour's stroke) counts by its ink
    in the middle alone, unless nothing has ink there.
    """
    height, width = mask.shape
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    # there are hardly ever more than ten, too few for arrays to be quicker
    pieces = [Piece(*row) for row in statistics[1:].tolist()]
    if not pieces:
        return None
    touched = [piece.touches(height, width) for piece in pieces]
    weights = inner = [piece.area for piece in pieces]
    if any(touched):
        x, y = int(MIDDLE * width), int(MIDDLE * height)
        middle = labels[y : height - y, x : width - x].ravel()
        in_middle = np.bincount(middle, minlength=len(statistics))[1:].tolist()
        inner = [part if edges else area for part, edges, area in zip(in_middle, touched, weights, strict=True)]
        # a digit that is cut at its ink may be hollow in the middle
        if any(weight >= FRAGMENT * piece.area for weight, piece in zip(inner, pieces, strict=True)):
            weights = inner
    place = weights.index(max(weights))
    main = pieces[place]
    if max(main.across, main.down) < LEAST_EXTENT * max(height, width):
        return None
    kept = [
        piece is main
        or (
            piece.area >= SPECK * main.area
            and not (edges and piece.is_neighbour_of(main, height, width, weight / piece.area))
            and not piece.is_dot_beside(main)
        )
        for piece, edges, weight in zip(pieces, touched, inner, strict=True)
    ]
    if all(kept):
        return mask
    return np.array([0, *(255 if each else 0 for each in kept)], np.uint8).take(cast("NDArray[np.uint16]", labels))


def reaches_middle(mask: Grey) -> bool:
    """Whether most of the ink is in the middle of the crop."""
    height, width = mask.shape
    x, y = int(MIDDLE * width), int(MIDDLE * height)
    return 2 * cv2.countNonZero(mask[y : height - y, x : width - x]) > cv2.countNonZero(mask)
