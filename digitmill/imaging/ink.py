"""The ink of the digit in a crop: apart from its paper, from a form's lines, from specks and from its neighbours."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.lines import without_lines

Grey = NDArray[np.uint8]
Lengths = NDArray[np.int32]

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
    rows, columns = digit.shape
    if _is_rule(digit, x, width, columns, height, rows) or _is_rule(digit, y, height, rows, width, columns):
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


def _is_rule(mask: Grey, start: int, breadth: int, across: int, length: int, along: int) -> bool:
    """Whether all that was found is a thin line down one side of the crop: that of a box that was missed by a little.

    A 1 so tall, thin and far from the middle is hardly ever written into a box, and crops of single digits are slim.

    Args:
        start: where the ink begins, and has so much ``breadth``, in a crop of ``across`` pixels.
        length: of the ink the other way, where the crop has ``along`` pixels.
    """
    if length < RULE_LENGTH * along or breadth > RULE_BREADTH * across or across < RULE_CROP * along:
        return False
    if abs(start + breadth / 2 - across / 2) <= RULE_ASIDE * across:
        return False
    return bool(cv2.countNonZero(mask) <= max(2.0, RULE_THICKNESS * across) * length)


@lru_cache(maxsize=64)
def _square(side: int) -> Grey:
    return np.ones((side, side), np.uint8)


def _paper(light: Grey) -> Grey:
    """The picture without its ink: what is left of its light where every stroke is too thin to stay.

    A morphological opening keeps shadows, even sharp ones, and removes strokes.
    """
    across = max(3, int(PAPER_WINDOW * max(light.shape)))
    return cast("Grey", cv2.morphologyEx(light, cv2.MORPH_OPEN, _square(across)))


def _digit(mask: Grey) -> Grey | None:
    """The mask with only the pieces that make up the digit; None where no piece can be one."""
    count, _ = cv2.connectedComponents(mask, connectivity=8, ltype=cv2.CV_16U)
    if count == 1:
        return None
    if count == 2:
        x, y, across, down = cv2.boundingRect(mask)
        height, width = mask.shape
        if x and y and x + across < width and y + down < height:
            return mask if max(across, down) >= LEAST_EXTENT * max(height, width) else None
    return _main_pieces(mask)


def _main_pieces(mask: Grey) -> Grey | None:
    """The mask with the main piece and those that go with it; None where there is none.

    A piece that touches the edge of the crop (the end of a box line, a neighbour's stroke) counts by its ink
    in the middle alone, unless the main piece itself fills the crop from edge to edge.
    """
    height, width = mask.shape
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    left, top, across, down, area = statistics[1:].T
    touched = np.array((left == 0, top == 0, left + across == width, top + down == height))
    x, y = int(MIDDLE * width), int(MIDDLE * height)
    in_middle = np.bincount(labels[y : height - y, x : width - x].ravel(), minlength=len(statistics))[1:]
    weight = np.where(touched.any(axis=0), in_middle, area)
    main = int(weight.argmax())
    too_small = max(across[main], down[main]) < LEAST_EXTENT * max(height, width)
    if too_small or weight[main] < 0.1 * area[main]:
        return None
    kept = area >= SPECK * area[main]
    if np.count_nonzero(touched[:, main]) < 2:
        kept &= weight >= area / 2
        kept[main] = True
    kept &= ~_dots(left, top, across, down, main)
    if kept.all():
        return mask
    return np.asarray(np.concatenate(([0], np.where(kept, 255, 0))).astype(np.uint8)[labels])


def _dots(left: Lengths, top: Lengths, across: Lengths, down: Lengths, main: int) -> NDArray[np.bool_]:
    """Which pieces are compact, small, low and beside the main one: a full stop, a decimal point."""
    longest, shortest = np.maximum(across, down), np.minimum(across, down)
    low = top + down / 2 > top[main] + DOT_LOW * down[main]
    middle = left + across / 2 - left[main]
    beside = (middle > across[main] / 2) | (middle < 0)
    return np.asarray((longest < DOT_SIDE * longest[main]) & (shortest > longest / 2) & low & beside)
