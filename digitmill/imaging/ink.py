"""The ink of the digit in a crop: apart from its paper, from a form's lines, from specks and from its neighbours."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.lines import is_print, without_lines

Grey = NDArray[np.uint8]

PADDING = 4
"""Pixels of paper laid around a picture, so that nothing depends on where it was cut."""
BAND = 0.3
"""Width of the band at an edge, by the longest side, whose darkest tone is the paper's: wider than any stroke."""
PLAIN = 0.25
"""Share of a picture's whole range that the tones of its outermost pixels span where these are paper."""
SLOPE = 0.12
"""Share of a picture's whole range by which paper may grow lighter from one cell to the next."""
CELLS, CELL = 3, 6
"""The band is looked at in so many cells across, each of so many pixels along the edge."""
PAPER_WINDOW = 0.55
"""Share of the picture's longest side that is wider than any stroke; paper is wider still."""
HAZE = 0.1
"""Share of the threshold between paper and ink below which all is black. With more of it faint strokes fall apart."""
LEAST_CONTRAST = 7
"""Grey levels between paper and ink that a picture with a digit has at least."""
FAINT_CONTRAST, SMOOTHING = 3, 0.02
"""The same for ink that is only seen in a smoothed picture, and the standard deviation of that smoothing by its longest
side: about half a stroke."""
NOISE_RATIO, COARSE_NOISE_RATIO = 3.2, 4.0
"""The same in standard deviations of the paper. Pure noise, split in two, stays under it. The second is for pictures
that are too small to be smoothed."""
FAINT_EXTENT, FAINT_SHARE = 0.25, 0.6
"""Such ink is a stroke if it has this share of the picture's longest side, and this share of all that stands out."""
GRAINY_SIDE = 32
"""From this longest side on a stroke is wide enough for its picture to be smoothed against noise."""
LEAST_EXTENT = 0.1
"""Ink is a digit if its longest piece has this share of the picture's longest side; else it is dirt."""
SPECK_SIDE = 5
"""Pixels of the largest white speck in paper."""
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
APART = 0.03
"""A neighbour's stroke at the crop's edge keeps this distance from the digit, by the digit's longest side."""
BALANCE = 0.4
"""Room on the far side of a digit, by that on the side of its neighbour, in a crop that was cut around the digit."""
LOOSE, SLIVER = 0.04, 0.3
"""Room around a digit by the crop's longest side, in a crop that was not cut at its ink; and the area of what reaches
in there and does not lie apart, by the digit's."""
FRAGMENT = 0.1
"""Share of a piece's ink that is in the middle of the crop where the piece is the digit."""
SLIM, BESIDE = 0.3, 0.12
"""Of ink that may be a line of a form: its greatest width, and how far it is from the middle, by the crop's width."""
SHADOW = 32
"""Grey levels below which a strip along an edge is the end of a shadow."""
MASKED = 255
MIDDLE = 0.18
"""Share cut off each side to leave the middle, where a digit has most of its ink."""


class Ink(NamedTuple):
    """The box of a digit's ink, from 0 to 255 on paper of 0; ``doubtful`` where a part of the digit may be lost."""

    picture: Grey
    doubtful: bool


def ink_of(light: Grey) -> Ink | None:
    """The digit's ink; None where there is none.

    Args:
        light: uint8 [height, width], ink lighter than paper.
    """
    inside, padded = _on_more_paper(light)
    above = cv2.subtract(padded, _paper(padded, max(light.shape)))
    calm = cast("Grey", cv2.GaussianBlur(above, (3, 3), 0) if max(light.shape) >= GRAINY_SIDE else above)
    found = _found(calm[inside], LEAST_CONTRAST)
    if found is None and max(light.shape) >= GRAINY_SIDE:
        # faint strokes stand out of the grain once it is smoothed; a person is to look at what was found so
        above = calm = cast("Grey", cv2.GaussianBlur(above, (0, 0), SMOOTHING * max(light.shape)))
        found = _found(calm[inside], FAINT_CONTRAST)
        if found is not None:
            found = found._replace(doubtful=True) if _is_stroke(found) else None
    if found is None:
        return None
    split, digit, doubtful = found
    x, y, width, height = cv2.boundingRect(digit)
    columns, rows = _Side(x, width, digit.shape[1]), _Side(y, height, digit.shape[0])
    if _is_rule(digit, columns, rows) or _is_rule(digit, rows, columns):
        return None
    pad = inside[0].start
    whole = cv2.copyMakeBorder(digit, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    box = np.s_[y + pad : y + pad + height, x + pad : x + pad + width]
    inked = cv2.bitwise_and(above[box], cv2.dilate(whole[box], _square(3)))
    floor = HAZE * split.threshold
    gain = 255 / (split.level - floor)
    # of all that scales in one pass this alone cuts off what falls below 0
    return Ink(cast("Grey", cv2.addWeighted(inked, gain, inked, 0, -floor * gain)), doubtful)


class _Found(NamedTuple):
    """How the ink is told from the paper, the mask of the digit, and whether it may have lost a part."""

    split: _Split
    digit: Grey
    doubtful: bool


def _found(calm: Grey, least_contrast: float) -> _Found | None:
    split = _split(calm, least_contrast)
    if split is None:
        return None
    mask = split.mask
    cleared = without_lines(mask)
    digit = _digit(cleared)
    if digit is not mask:
        # what was taken out may be darker than the digit and have hidden it: a printed frame round pencil, say
        split, digit = _without(calm, split, digit, least_contrast)
    if digit is None and cleared is not mask and not is_print(mask):
        digit, cleared = _digit(mask), np.zeros_like(mask)
    if digit is None:
        return None
    if split.level < SHADOW and (_is_shadow(digit) or _is_shadow(digit.T)):
        return None
    lost = cleared is not mask and _touches(digit, cv2.subtract(mask, cleared))
    return _Found(split, digit, lost or _is_cut_off(digit) or _spans(digit) or _spans(digit.T))


def _touches(digit: Grey, lines: Grey) -> bool:
    """Whether the digit was joined to what was taken out."""
    return cv2.countNonZero(cv2.bitwise_and(cv2.dilate(lines, _square(3)), digit)) > 0


def _is_stroke(found: _Found) -> bool:
    """Whether the ink is one long piece for the most part, as a stroke is and grain is not."""
    statistics = cv2.connectedComponentsWithStats(found.digit, connectivity=8)[2][1:]
    main = _Piece(*statistics[statistics[:, cv2.CC_STAT_AREA].argmax()].tolist())
    if max(main.across, main.down) < FAINT_EXTENT * max(found.digit.shape):
        return False
    # what lies along an edge is a shadow
    along = max(cv2.countNonZero(side) for side in _sides(found.digit))
    if along > max(main.across, main.down) / 2:
        return False
    return main.area >= FAINT_SHARE * cv2.countNonZero(found.split.mask)


def _on_more_paper(light: Grey) -> tuple[tuple[slice, slice], Grey]:
    """``light`` with its own paper laid around it, and where it lies in that.

    The tone of the paper at an edge is the darkest of a band along it, without what is narrow: strokes that reach the
    edge or run along it are no paper, and shadows are.
    """
    height, width = light.shape
    pad = PADDING
    rows, columns = slice(pad, pad + height), slice(pad, pad + width)
    if _has_paper_border(light):
        return (rows, columns), cast("Grey", cv2.copyMakeBorder(light, pad, pad, pad, pad, cv2.BORDER_REPLICATE))
    depth = max(2, int(BAND * max(light.shape)))
    padded = cv2.copyMakeBorder(light, pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    lowest, highest, _, _ = cv2.minMaxLoc(light)
    contrast = highest - lowest
    tones = (
        _tone(light[:depth], 0, contrast),
        _tone(light[-depth:], 0, contrast, inwards=True),
        _tone(light[:, :depth], 1, contrast),
        _tone(light[:, -depth:], 1, contrast, inwards=True),
    )
    padded[:pad, columns], padded[pad + height :, columns] = tones[0], tones[1]
    padded[rows, :pad], padded[rows, pad + width :] = tones[2], tones[3]
    top, bottom, left, right = slice(0, pad), slice(pad + height, None), slice(0, pad), slice(pad + width, None)
    padded[top, left] = min(tones[0][0, 0], tones[2][0, 0])
    padded[top, right] = min(tones[0][0, -1], tones[3][0, 0])
    padded[bottom, left] = min(tones[1][0, 0], tones[2][-1, 0])
    padded[bottom, right] = min(tones[1][0, -1], tones[3][-1, 0])
    return (rows, columns), padded


def _has_paper_border(light: Grey) -> bool:
    """Whether the outermost pixels are all about as dark, next to the ink."""
    darkest, lightest = 255.0, 0.0
    for side in _sides(light):
        low, high, _, _ = cv2.minMaxLoc(side)
        darkest, lightest = min(darkest, low), max(lightest, high)
    low, high, _, _ = cv2.minMaxLoc(light)
    return lightest - darkest <= PLAIN * (high - low) and darkest - low <= PLAIN * (high - low)


def _tone(band: Grey, axis: int, contrast: float, *, inwards: bool = False) -> Grey:
    """The paper's tone along a band at an edge: [1, width] for axis 0, [height, 1] for axis 1.

    The band is looked at in cells, so that neither noise nor specks decide.
    """
    along = band if axis == 0 else band.T
    if inwards:
        along = along[::-1]
    length = along.shape[1]
    cells = cv2.resize(along, (max(2, length // CELL), CELLS), interpolation=cv2.INTER_AREA)
    least = _without_ink(cells, contrast)
    window = max(3, int(PAPER_WINDOW * least.shape[1]))
    opened = cv2.morphologyEx(least, cv2.MORPH_OPEN, np.ones((1, window), np.uint8))
    tone = cast("Grey", cv2.resize(opened, (length, 1), interpolation=cv2.INTER_LINEAR))
    return tone if axis == 0 else tone.T


def _without_ink(cells: Grey, contrast: float) -> Grey:
    """The tone [1, n] in the first row of ``cells`` [3, n], as the others foretell it where it is ink.

    Paper that grows lighter or darker does so evenly from cell to cell. Where the step is larger, a stroke ends there.
    """
    first, second, third = cells.astype(np.int16)
    even = second - third <= SLOPE * contrast + 2
    foretold = np.where(even, np.maximum(2 * second - third, second), np.minimum(second, third))
    # the edge is half a cell away from the middle of the first
    onwards = np.where(even, np.maximum(second - third, 0) // 2, 0)
    return (np.minimum(first, foretold) + onwards)[None].clip(0, 255).astype(np.uint8)


def _is_cut_off(digit: Grey) -> bool:
    """Whether strokes run on at an edge of the crop: two of them that end at the same edge."""
    return any(cv2.countNonZero(side) > 1 and _runs(side) > 1 for side in _sides(digit))


def _sides(picture: Grey) -> tuple[Grey, Grey, Grey, Grey]:
    """The outermost pixels at the top, the bottom, the left and the right."""
    return picture[:1], picture[-1:], picture[:, :1], picture[:, -1:]


def _spans(digit: Grey) -> bool:
    """Whether the ink is slim and runs along the crop beside its middle, as print and shadows do."""
    x, y, across, down = cv2.boundingRect(digit)
    height, width = digit.shape
    if across >= SLIM * width or down < RULE_LENGTH * height:
        return False
    return x == 0 or x + across == width or (y == 0 and down == height and _is_aside(x, across, width))


def _is_shadow(digit: Grey) -> bool:
    """Whether the ink is a slim strip along a whole edge of the crop."""
    height, width = digit.shape
    strip = cv2.boundingRect(digit)[2] < SLIM * width
    return strip and max(cv2.countNonZero(digit[:, :1]), cv2.countNonZero(digit[:, -1:])) >= RULE_LENGTH * height


def _is_aside(x: int, across: int, width: int) -> bool:
    return abs(x + across / 2 - width / 2) > BESIDE * width


def _runs(line: Grey) -> int:
    """How many stretches of ink there are along a line of pixels."""
    return int(np.count_nonzero(np.diff(line.ravel(), prepend=0) == MASKED))


class _Split(NamedTuple):
    """Ink, 255 in the mask, has grey levels above ``threshold``, on average ``level``."""

    threshold: float
    level: float
    mask: Grey


def _split(calm: Grey, least_contrast: float, outside: Grey | None = None) -> _Split | None:
    """Ink from paper, as Otsu's method has it; None where they do not stand apart. ``outside`` is neither."""
    threshold, found = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cast("Grey", found)
    level = cv2.mean(calm, mask)[0]
    rest = cv2.bitwise_not(mask if outside is None else cv2.bitwise_or(mask, outside))
    paper, noise = cv2.meanStdDev(calm, mask=rest)
    ratio = NOISE_RATIO if max(calm.shape) >= GRAINY_SIDE else COARSE_NOISE_RATIO
    if level - paper.item() < max(least_contrast, ratio * noise.item()):
        return None
    return _Split(threshold, level, mask)


def _without(calm: Grey, split: _Split, digit: Grey | None, least_contrast: float) -> tuple[_Split, Grey | None]:
    """The same once more on the picture without what is ink and no digit, where that was the larger part."""
    alien = split.mask if digit is None else cv2.subtract(split.mask, digit)
    if digit is not None and cv2.countNonZero(alien) < ALIEN * cv2.countNonZero(split.mask):
        return split, digit
    outside = cast("Grey", cv2.dilate(alien, _square(5)))
    if digit is not None:
        outside = cast("Grey", cv2.subtract(outside, digit))
    # painted over in the paper's own tone, lest the painting stand out
    paper = cv2.mean(calm, cv2.bitwise_not(cv2.bitwise_or(outside, split.mask)))[0]
    again = _split(np.where(outside, np.uint8(paper), calm), least_contrast, outside)
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


def _paper(light: Grey, longest: int) -> Grey:
    """The picture without its ink: what is left of its light where every stroke is too thin to stay.

    A morphological opening keeps shadows, even sharp ones, and removes strokes.
    """
    across = max(3, int(PAPER_WINDOW * longest))
    if longest >= GRAINY_SIDE:
        # else one white speck would make all the paper about it look like ink
        light = cast("Grey", cv2.morphologyEx(light, cv2.MORPH_CLOSE, _square(SPECK_SIDE)))
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

    def room(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Pixels from it to the left, right, top and bottom edge of a picture of this size."""
        return self.left, width - self.left - self.across, self.top, height - self.top - self.down

    def is_neighbour_of(self, main: _Piece, height: int, width: int, inner: float) -> bool:
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
    in the middle alone, unless nothing has ink there.
    """
    height, width = mask.shape
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    # there are hardly ever more than ten, too few for arrays to be quicker
    pieces = [_Piece(*row) for row in statistics[1:].tolist()]
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
        if max(weights) <= FRAGMENT * max(inner) or any(
            weight >= FRAGMENT * piece.area for weight, piece in zip(inner, pieces, strict=True)
        ):
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
