"""Ink that is far smaller than its paper: a digit on a whole page, a photo or an office form.

The normalisers look for one digit that fills its crop, in 96 pixels, where such ink is less than a speck. What a person
sees is never blank, so large pictures that are blank to them are looked at again from near.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.margin import Margin
from digitmill.imaging.normaliser.paper import square
from digitmill.imaging.normaliser.pieces import Piece
from digitmill.imaging.normaliser.polarity import polarity_of

Grey = NDArray[np.uint8]

NEAR_SIDE, NEAR_AREA = 1600, 1600 * 1131
"""Longest side, in pixels, of the picture that is looked at from near; a strip may be longer, with so many in all."""
LEAST_SIDE = 97
"""Smaller pictures were looked at in their own pixels."""
POLARITY_SIDE = 48
PAPER_SIDE, PAPER_WINDOW = 64, 9
"""The paper is what is left of a picture of this longest side without what is narrower than this window."""
LEAST_CONTRAST, NOISE_RATIO = 30, 6.0
"""Grey levels between paper and plain ink, and the same in standard deviations of the paper."""
LEAST_EXTENT, LARGEST = 8, 0.4
"""Longest side of a piece of ink: pixels at least, and by the picture's longest side at most. Larger ones were seen."""
LEAST_FILL, SLENDER = 0.1, 10
"""Of a stroke's box: the least share that is ink, and the most length by breadth. Rules are longer."""
MARGIN, STRIP_MARGIN = 0.03, 0.05
"""Outer part of a picture, by its longest side, in which borders and the edges of the paper lie too; and at most by its
shortest, for a strip is cut close to what is written on it."""
GAP = 0.5
"""Between pieces of one digit, at most, by the height of the larger."""
AROUND = 0.4
"""Paper around the digit that is cut out, by its longest side."""


class Overlooked(NamedTuple):
    """``crop`` is uint8 [height, width], cut out around the largest piece of ink; ``several``: there are others apart
    from it."""

    crop: Grey
    several: bool


def overlooked_ink(grey: Grey, polarity: Polarity) -> Overlooked | None:
    """Small but plain ink in ``grey``, uint8 [height, width], 0 black to 255 white; None where a person sees none."""
    longest = max(grey.shape)
    if longest < LEAST_SIDE:
        return None
    near = _shrunk(grey, max(NEAR_SIDE, int(math.sqrt(NEAR_AREA * longest / min(grey.shape)))))
    if polarity is Polarity.AUTO:
        polarity = polarity_of(_shrunk(near, POLARITY_SIDE))
    pieces = _pieces(near if polarity is Polarity.LIGHT_ON_DARK else np.invert(near))
    if not pieces:
        return None
    left, top, right, bottom = first = _box(max(pieces, key=lambda piece: piece.area))
    apart = 0
    for piece in pieces:
        box = _box(piece)
        if _distance(first, box) > GAP * max(bottom - top, piece.down, right - left):
            apart += 1
        else:
            left, top = min(left, box[0]), min(top, box[1])
            right, bottom = max(right, box[2]), max(bottom, box[3])
    scale, around = longest / max(near.shape), 2 + AROUND * max(right - left, bottom - top)
    rows = slice(max(0, int(scale * (top - around))), int(scale * (bottom + around)) + 1)
    columns = slice(max(0, int(scale * (left - around))), int(scale * (right + around)) + 1)
    return Overlooked(np.ascontiguousarray(grey[rows, columns]), apart > 0)


def _pieces(light: Grey) -> list[Piece]:
    """The pieces of ink, lighter than paper, that are as small as a digit on a page and no specks."""
    above = cv2.subtract(light, _paper(light)).astype(np.int16)
    middle = int(np.median(above))
    noise = 1.4826 * float(np.median(np.abs(above - middle)))
    mask = cast("Grey", (above > middle + max(LEAST_CONTRAST, NOISE_RATIO * noise)).view(np.uint8))
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    height, width = light.shape
    depth = min(MARGIN * max(light.shape), STRIP_MARGIN * min(light.shape))
    margin = Margin(mask, cast("NDArray[np.int32]", labels), count)
    found = []
    large = 1 + np.flatnonzero(statistics[1:, cv2.CC_STAT_AREA] >= LEAST_EXTENT)
    for number, piece in ((number, Piece(*statistics[number].tolist())) for number in large.tolist()):
        extent, breadth = max(piece.across, piece.down), min(piece.across, piece.down)
        left, top, right, bottom = _box(piece)
        if not LEAST_EXTENT <= extent <= LARGEST * max(light.shape) or extent > SLENDER * breadth:
            continue
        if piece.area < LEAST_FILL * piece.across * piece.down:
            continue
        outer = left < depth or top < depth or right > width - depth or bottom > height - depth
        if not outer or margin.is_ink(number, piece, depth):
            found.append(piece)
    return found


def _paper(light: Grey) -> Grey:
    """Its tone at each pixel, uint8 [height, width]."""
    small = _shrunk(light, PAPER_SIDE)
    dark = cv2.blur(cv2.morphologyEx(small, cv2.MORPH_OPEN, square(PAPER_WINDOW)), (3, 3))
    return cast("Grey", cv2.resize(dark, light.shape[::-1], interpolation=cv2.INTER_LINEAR))


def _shrunk(picture: Grey, side: int) -> Grey:
    scale = side / max(picture.shape)
    if scale >= 1:
        return picture
    height, width = picture.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cast("Grey", cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


Box = tuple[int, int, int, int]


def _box(piece: Piece) -> Box:
    return piece.left, piece.top, piece.left + piece.across, piece.top + piece.down


def _distance(one: Box, other: Box) -> int:
    """Pixels between two boxes along the axis on which they are further apart; 0 where they overlap on both."""
    across = max(one[0], other[0]) - min(one[2], other[2])
    down = max(one[1], other[1]) - min(one[3], other[3])
    return max(0, across, down)
