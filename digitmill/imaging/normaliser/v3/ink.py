"""The ink of the digit in a crop: apart from its paper, from a form's lines, from specks and from its neighbours."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.normaliser.v3.lines import without_lines

Grey = NDArray[np.uint8]

PAPER_WINDOW = 0.55
"""Share of the picture's longest side that is wider than any stroke; paper is wider still."""
HAZE = 0.1
"""Share of the threshold between paper and ink below which all is black. With more of it faint strokes fall apart."""
LEAST_CONTRAST = 7
"""Grey levels between paper and ink that a picture with a digit has at least."""
NOISE_RATIO = 3.2
"""The same in standard deviations of the paper. Pure noise, split in two, stays under it."""
GRAINY_SIDE = 32
"""From this longest side on a stroke is wide enough for its picture to be smoothed against noise."""
LEAST_EXTENT = 0.1
"""Ink is a digit if its longest piece has this share of the picture's longest side; else it is dirt."""
SPECK = 0.05
"""Pieces with less than this share of the main piece's area are no part of the digit."""
ALIEN = 0.2
"""Share of the ink that is no digit's from which on it may have hidden a fainter digit."""
RULE_LENGTH, RULE_BREADTH, RULE_THICKNESS = 0.8, 0.17, 0.1
"""A line by itself: least length by the crop's height, and by its width most breadth, slant included, and thickness."""
RULE_ASIDE, RULE_CROP = 0.24, 0.6
"""How far from the crop's middle such a line stands, by its width; and the least width of a crop by its height."""
DOT_SIDE, DOT_LOW = 0.22, 0.6
"""A full stop beside a digit is smaller than this share of its longest side, and lower than this of its height."""
MIDDLE = 0.18
"""Share cut off each side to leave the middle, where a digit has most of its ink."""


def ink_of(light: Grey) -> Grey | None:
    """The box of the digit's ink, from 0 to 255 on paper of 0; None where there is no digit.

    Args:
        light: uint8 [height, width], ink lighter than paper.
    """
    above = cv2.subtract(light, _paper(light))
    calm = cast("Grey", cv2.GaussianBlur(above, (3, 3), 0) if max(light.shape) >= GRAINY_SIDE else above)
    split = _split(calm)
    if split is None:
        return None
    digit = _digit(without_lines(split.mask))
    if digit is not split.mask:
        # what was taken out may be darker than the digit and have hidden it: a printed frame round pencil, say
        split, digit = _without(calm, split, digit)
    if digit is None:
        return None
    x, y, width, height = cv2.boundingRect(digit)
    columns, rows = _Side(x, width, digit.shape[1]), _Side(y, height, digit.shape[0])
    if _is_rule(digit, columns, rows) or _is_rule(digit, rows, columns):
        return None
    box = np.s_[y : y + height, x : x + width]
    inked = cv2.bitwise_and(above[box], cv2.dilate(digit[box], _square(3)))
    floor = HAZE * split.threshold
    gain = 255 / (split.level - floor)
    # of all that scales in one pass this alone cuts off what falls below 0
    return cast("Grey", cv2.addWeighted(inked, gain, inked, 0, -floor * gain))


class _Split(NamedTuple):
    """Ink, 255 in the mask, has grey levels above ``threshold``, on average ``level``."""

    threshold: float
    level: float
    mask: Grey


def _split(calm: Grey, outside: Grey | None = None) -> _Split | None:
    """Ink from paper, as Otsu's method has it; None where they do not stand apart. ``outside`` is neither."""
    threshold, found = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cast("Grey", found)
    level = cv2.mean(calm, mask)[0]
    rest = cv2.bitwise_not(mask if outside is None else cv2.bitwise_or(mask, outside))
    paper, noise = cv2.meanStdDev(calm, mask=rest)
    if level - paper.item() < max(LEAST_CONTRAST, NOISE_RATIO * noise.item()):
        return None
    return _Split(threshold, level, mask)


def _without(calm: Grey, split: _Split, digit: Grey | None) -> tuple[_Split, Grey | None]:
    """The same once more on the picture without what is ink and no digit, where that was the larger part."""
    alien = split.mask if digit is None else cv2.subtract(split.mask, digit)
    if digit is not None and cv2.countNonZero(alien) < ALIEN * cv2.countNonZero(split.mask):
        return split, digit
    outside = cast("Grey", cv2.dilate(alien, _square(5)))
    if digit is not None:
        outside = cast("Grey", cv2.subtract(outside, digit))
    # painted over in the paper's own tone, lest the painting stand out
    paper = cv2.mean(calm, cv2.bitwise_not(cv2.bitwise_or(outside, split.mask)))[0]
    again = _split(np.where(outside, np.uint8(paper), calm), outside)
    found = None if again is None else _digit(without_lines(again.mask))
    if again is None or found is None or not _reaches_middle(found):
        return split, digit
    return again, found


def _reaches_middle(mask: Grey) -> bool:
    height, width = mask.shape
    x, y = int(MIDDLE * width), int(MIDDLE * height)
    return 2 * cv2.countNonZero(mask[y : height - y, x : width - x]) > cv2.countNonZero(mask)


class _Side(NamedTuple):
    """Of the ink's box along one side of a crop: where it begins, how long it is, and how long the crop is."""

    start: int
    extent: int
    crop: int


def _is_rule(mask: Grey, across: _Side, along: _Side) -> bool:
    """Whether all that was found is a thin line ``along`` one side of the crop: of a box that was missed by a little.

    A 1 so tall, thin and far from the middle is hardly ever written into a box, and crops of single digits are slim.
    """
    if along.extent < RULE_LENGTH * along.crop or across.crop < RULE_CROP * along.crop:
        return False
    if across.extent > RULE_BREADTH * across.crop:
        return False
    if abs(across.start + across.extent / 2 - across.crop / 2) <= RULE_ASIDE * across.crop:
        return False
    return bool(cv2.countNonZero(mask) <= max(2.0, RULE_THICKNESS * across.crop) * along.extent)


@lru_cache(maxsize=64)
def _square(side: int) -> Grey:
    return np.ones((side, side), np.uint8)


def _paper(light: Grey) -> Grey:
    """The picture without its ink: what is left of its light where every stroke is too thin to stay.

    A morphological opening keeps shadows, even sharp ones, and removes strokes.
    """
    across = max(3, int(PAPER_WINDOW * max(light.shape)))
    return cast("Grey", cv2.morphologyEx(light, cv2.MORPH_OPEN, _square(across)))


class _Piece(NamedTuple):
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

    def is_dot_beside(self, main: _Piece) -> bool:
        """Whether it is compact, small, low and beside the main piece: a full stop, a decimal point."""
        longest, shortest = max(self.across, self.down), min(self.across, self.down)
        if not longest / 2 < shortest or longest >= DOT_SIDE * max(main.across, main.down):
            return False
        middle = self.left + self.across / 2 - main.left
        low = self.top + self.down / 2 > main.top + DOT_LOW * main.down
        return low and (middle > main.across / 2 or middle < 0)


def _digit(mask: Grey) -> Grey | None:
    """The mask with only the pieces that make up the digit; None where no piece can be one.

    A piece that touches the edge of the crop (the end of a box line, a neighbour's stroke) counts by its ink
    in the middle alone, unless the main piece itself fills the crop from edge to edge.
    """
    height, width = mask.shape
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    # there are hardly ever more than ten, too few for arrays to be quicker
    pieces = [_Piece(*row) for row in statistics[1:].tolist()]
    if not pieces:
        return None
    touched = [piece.touches(height, width) for piece in pieces]
    weights = [piece.area for piece in pieces]
    if any(touched):
        x, y = int(MIDDLE * width), int(MIDDLE * height)
        middle = labels[y : height - y, x : width - x].ravel()
        in_middle = np.bincount(middle, minlength=len(statistics))[1:].tolist()
        weights = [inner if edges else area for inner, edges, area in zip(in_middle, touched, weights, strict=True)]
    place = weights.index(max(weights))
    main = pieces[place]
    if max(main.across, main.down) < LEAST_EXTENT * max(height, width) or weights[place] < 0.1 * main.area:
        return None
    fills_crop = touched[place] >= 2
    kept = [
        piece is main
        or (
            piece.area >= SPECK * main.area
            and (fills_crop or weight >= piece.area / 2)
            and not piece.is_dot_beside(main)
        )
        for piece, weight in zip(pieces, weights, strict=True)
    ]
    if all(kept):
        return mask
    return np.array([0, *(255 if each else 0 for each in kept)], np.uint8).take(cast("NDArray[np.uint16]", labels))
