"""The ink of the digit in a crop: apart from its paper, from a form's lines, from specks and from its neighbours."""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.normaliser.lines import is_frame, is_print, without_lines
from digitmill.imaging.normaliser.paper import GRAINY_SIDE, PADDING, on_more_paper, paper_of, sides, square
from digitmill.imaging.normaliser.pieces import Piece, digit_of, reaches_middle

Grey = NDArray[np.uint8]

HAZE = 0.1
"""Share of the threshold between paper and ink below which all is black. With more of it faint strokes fall apart."""
LEAST_CONTRAST, COARSE_CONTRAST = 7, 5
"""Grey levels between paper and the mean of the ink that a picture with a digit has at least. The second is for those
that are too small to be smoothed: half of a stroke's pixels are half paper there."""
FAINT_CONTRAST, SMOOTHING = 3, 0.02
"""The same for ink that is only seen in a smoothed picture, and the standard deviation of that smoothing by its longest
side: about half a stroke."""
NOISE_RATIO, COARSE_NOISE_RATIO = 3.2, 4.0
"""The same in standard deviations of the paper. Pure noise, split in two, stays under it. The second is for pictures
that are too small to be smoothed."""
FAINT_EXTENT, FAINT_SHARE = 0.25, 0.6
"""Such ink is a stroke if it has this share of the picture's longest side, and this share of all that stands out."""
ALIEN = 0.2
"""Share of the ink that is no digit's from which on it may have hidden a fainter digit."""
RULE_LENGTH, RULE_BREADTH, RULE_THICKNESS = 0.8, 0.17, 0.1
"""A line by itself: least length by the crop's height, and by its width most breadth, slant included, and thickness."""
RULE_ASIDE, RULE_CROP = 0.24, 0.6
"""How far from the crop's middle such a line stands, by its width; and the least width of a crop by its height."""
SLIM, BESIDE = 0.3, 0.12
"""Of ink that may be a line of a form: its greatest width, and how far it is from the middle, by the crop's width."""
OUTER, SHORT_SIDE, LONG_SIDE, THIN = 0.2, 0.5, 0.85, 0.12
"""Of the corner of a box: where its lines are, the least share of the crop's sides that they run along, and how much of
its area they cover at most."""
LEAST_LEVEL = 1e-6
"""Grey levels that ink is divided by at least."""
INWARDS = 0.05
"""How far inside the crop, by its longest side, it is looked whether strokes at its edge go on."""
FIRST_UPRIGHT = 2
"""The number of the first of the sides at the left and the right, after those at the top and the bottom."""
TWO, ONE, TIGHT = (0.5, 0.88), (0.8, 0.95), (0.85, 0.95)
"""What two strokes have, or one, that were cut through: the least width at the edge by that further in, and the least
ink there by that of the whole digit. Where a digit was cut at its ink, its strokes end at the edge, round and half in
the paper. The last is of two in a crop that was cut at its ink on all sides, give or take ``NEARLY`` pixels."""
NEARLY = 2
SHADOW, FILLED = 32, 0.95
"""Grey levels below which ink may be the end of a shadow; and the share of the crop's sides that it then fills."""
MASKED = 255
MIDDLE_GREY = 128


class Ink(NamedTuple):
    """The box of a digit's ink, from 0 to 255 on paper of 0; ``doubtful`` where a part of the digit may be lost."""

    picture: Grey
    doubtful: bool


def ink_of(light: Grey) -> Ink | None:
    """The digit's ink; None where there is none.

    Args:
        light: uint8 [height, width], ink lighter than paper.
    """
    inside, padded = on_more_paper(light)
    above = cast("Grey", cv2.subtract(padded, paper_of(padded, max(light.shape))))
    coarse = max(light.shape) < GRAINY_SIDE
    calm = above if coarse else cast("Grey", cv2.GaussianBlur(above, (3, 3), 0))
    found = _found(above[inside], calm[inside], COARSE_CONTRAST if coarse else LEAST_CONTRAST)
    if found is not None and found.split.level < SHADOW and _may_be_shadow(found.digit) and _is_slope(light):
        return None
    if found is None and not coarse:
        # faint strokes stand out of the grain once it is smoothed; a person is to look at what was found so
        above = calm = cast("Grey", cv2.GaussianBlur(above, (0, 0), SMOOTHING * max(light.shape)))
        found = _found(above[inside], calm[inside], FAINT_CONTRAST)
        if found is not None:
            found = found._replace(doubtful=True) if _is_stroke(found) else None
    if found is None:
        return None
    split, digit, doubtful = found
    x, y, width, height = cv2.boundingRect(digit)
    columns, rows = _Side(x, width, digit.shape[1]), _Side(y, height, digit.shape[0])
    if _is_rule(digit, columns, rows) or _is_rule(digit, rows, columns):
        return None
    whole = cv2.copyMakeBorder(digit, *4 * (PADDING,), cv2.BORDER_CONSTANT, value=0)
    box = np.s_[y + PADDING : y + PADDING + height, x + PADDING : x + PADDING + width]
    inked = cv2.bitwise_and(above[box], cv2.dilate(whole[box], square(3)))
    floor = HAZE * split.threshold
    gain = 255 / (split.level - floor)
    # of all that scales in one pass this alone cuts off what falls below 0
    return Ink(cast("Grey", cv2.addWeighted(inked, gain, inked, 0, -floor * gain)), doubtful)


class _Found(NamedTuple):
    """How the ink is told from the paper, the mask of the digit, and whether it may have lost a part."""

    split: _Split
    digit: Grey
    doubtful: bool


def _found(above: Grey, calm: Grey, least_contrast: float) -> _Found | None:
    """The digit in ``calm``, which is ``above``, what is lighter than the paper, smoothed where it is grainy."""
    split = _split(calm, least_contrast)
    if split is None:
        return None
    mask = split.mask
    if is_frame(mask):
        return None
    cleared = without_lines(mask)
    digit = digit_of(cleared)
    if digit is not mask:
        # what was taken out may be darker than the digit and have hidden it: a printed frame round pencil, say
        split, digit = _without(calm, split, digit, least_contrast)
    if digit is None and cleared is not mask and not is_print(mask):
        digit, cleared = digit_of(mask), np.zeros_like(mask)
    if digit is None:
        return None
    if split.level < SHADOW and (_is_shadow(digit) or _is_shadow(digit.T)):
        return None
    lost = cleared is not mask and _touches(digit, cast("Grey", cv2.subtract(mask, cleared)))
    print_or_shadow = (
        _is_line(digit) or _is_line(digit.T) or _is_corner(digit) or (split.level < SHADOW and _may_be_shadow(digit))
    )
    cut_off = _is_cut_off(digit, above) or (digit is not mask and _comes_apart(digit, cleared))
    return _Found(split, digit, lost or print_or_shadow or cut_off)


def _touches(digit: Grey, lines: Grey) -> bool:
    """Whether the digit was joined to what was taken out."""
    return bool(cv2.countNonZero(cv2.bitwise_and(cv2.dilate(lines, square(3)), digit)))


def _comes_apart(digit: Grey, ink: Grey) -> bool:
    """Whether the digit and ink that was taken for a neighbour's run on at the same edge: they may meet outside."""
    return any(
        cv2.countNonZero(own) and cv2.countNonZero(cv2.subtract(every, own))
        for own, every in zip(sides(digit), sides(ink), strict=True)
    )


def _is_stroke(found: _Found) -> bool:
    """Whether the ink is one long piece for the most part, as a stroke is and grain is not."""
    statistics = cv2.connectedComponentsWithStats(found.digit, connectivity=8)[2][1:]
    main = Piece(*statistics[statistics[:, cv2.CC_STAT_AREA].argmax()].tolist())
    if max(main.across, main.down) < FAINT_EXTENT * max(found.digit.shape):
        return False
    # what lies along an edge is a shadow
    along = max(cv2.countNonZero(side) for side in sides(found.digit))
    if along > max(main.across, main.down) / 2:
        return False
    return bool(main.area >= FAINT_SHARE * cv2.countNonZero(found.split.mask))


def _is_cut_off(digit: Grey, above: Grey) -> bool:
    """Whether two strokes run on at the same edge of the crop, or one at its top or bottom.

    Where an edge only touches ink, its runs join inside. In a crop that was cut at the ink on all sides strokes with
    flat ends stand at the edges: there one alone is no evidence, and two have to show that they go on.
    """
    touched = [cv2.countNonZero(side) > 1 for side in sides(digit)]
    _, _, across, down = cv2.boundingRect(digit)
    tight = across >= digit.shape[1] - NEARLY and down >= digit.shape[0] - NEARLY
    depth = max(1, round(INWARDS * max(digit.shape)))
    if not any(touched) or min(digit.shape) <= 2 * depth:
        return False
    # of ink that was found in a smoothed picture there may be none left in this one
    level = max(cv2.mean(above, digit)[0], LEAST_LEVEL)
    through = TIGHT if tight else TWO
    for side in (number for number, touches in enumerate(touched) if touches):
        turned = _from_top(digit, side)
        strokes, alone = runs(turned[0]), side < FIRST_UPRIGHT and not tight
        if len(strokes) < 2 and not alone:
            continue
        edge = _Edge(strokes, runs(turned[depth]), depth, _from_top(above, side)[0] / level)
        if edge.cut_through(*through) > 1 and len(runs(turned[depth, depth:-depth])) > 1:
            return True
        if alone and edge.cut_through(*ONE):
            return True
    return False


def _from_top(picture: Grey, side: int) -> Grey:
    """``picture`` with its top, bottom, left or right side, for 0 to 3, at the top."""
    turned = picture if side < 2 else picture.T
    return turned[::-1] if side % 2 else turned


class _Edge(NamedTuple):
    """An edge of a crop: the runs of a digit's ink there and ``depth`` pixels further in.

    ``dark`` is the ink of each pixel at the edge by the mean of the digit's.
    """

    strokes: list[tuple[int, int]]
    inner: list[tuple[int, int]]
    depth: int
    dark: NDArray[np.float64]

    def cut_through(self, least_width: float, least_ink: float) -> int:
        """How many strokes are at least so wide at the edge, by further in, and so dark."""
        found = 0
        for start, stop in self.strokes:
            near = [
                last - first for first, last in self.inner if first <= stop + self.depth and last >= start - self.depth
            ]
            as_wide = bool(near) and stop - start >= max(2, least_width * max(near))
            found += as_wide and float(self.dark[start:stop].mean()) >= least_ink
        return found


def _is_line(digit: Grey) -> bool:
    """Whether the ink may be print: upright, long, slim, and beside the middle of the crop."""
    x, _, across, down = cv2.boundingRect(digit)
    height, width = digit.shape
    if across >= SLIM * width or down < RULE_LENGTH * height:
        return False
    return bool(abs(x + across / 2 - width / 2) > BESIDE * width)


def _may_be_shadow(digit: Grey) -> bool:
    """Whether faint ink fills the crop from edge to edge, or lies along a whole edge, as the end of a shadow does."""
    _, _, across, down = cv2.boundingRect(digit)
    height, width = digit.shape
    if across >= FILLED * width and down >= FILLED * height:
        return True
    return any(cv2.countNonZero(side) >= RULE_LENGTH * side.size for side in sides(digit))


def _is_slope(light: Grey) -> bool:
    """Whether nothing stands out of paper whose light falls off evenly to one side."""
    height, width = light.shape
    down, across = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    # over a grid the two slopes and the mean are found one by one
    even = (
        light.mean()
        + down * ((light * down).mean() / max((down * down).mean(), LEAST_LEVEL))
        + across * ((light * across).mean() / max((across * across).mean(), LEAST_LEVEL))
    )
    rest = (light - even + MIDDLE_GREY).clip(0, 255).astype(np.uint8)
    calm = cast("Grey", cv2.GaussianBlur(rest, (3, 3), 0) if max(light.shape) >= GRAINY_SIDE else rest)
    return _split(calm, LEAST_CONTRAST) is None


def _is_corner(digit: Grey) -> bool:
    """Whether there is a straight line along two sides that meet, as of a box whose other sides are outside."""
    _, _, across, down = cv2.boundingRect(digit)
    height, width = digit.shape
    if across < SHORT_SIDE * width or down < SHORT_SIDE * height or cv2.countNonZero(digit) > THIN * across * down:
        return False
    rows = cv2.reduce(digit, 1, cv2.REDUCE_AVG).ravel() / MASKED
    columns = cv2.reduce(digit, 0, cv2.REDUCE_AVG).ravel() / MASKED
    level, upright = _outer(rows), _outer(columns)
    return bool(min(level, upright) >= SHORT_SIDE and max(level, upright) >= LONG_SIDE)


def _outer(fills: NDArray[np.float64]) -> float:
    """The largest in the outer parts at both ends."""
    part = max(1, int(OUTER * len(fills)))
    return float(max(fills[:part].max(), fills[-part:].max()))


def _is_shadow(digit: Grey) -> bool:
    """Whether the ink is a slim strip along a whole edge of the crop."""
    height, width = digit.shape
    if cv2.boundingRect(digit)[2] >= SLIM * width:
        return False
    return bool(max(cv2.countNonZero(digit[:, :1]), cv2.countNonZero(digit[:, -1:])) >= RULE_LENGTH * height)


def runs(line: Grey) -> list[tuple[int, int]]:
    """(first, past the last) pixel of each stretch of ink along a line of pixels."""
    ends = np.flatnonzero(np.diff(line.ravel() == MASKED, prepend=False, append=False)).tolist()
    return list(zip(ends[::2], ends[1::2], strict=True))


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
    outside = cast("Grey", cv2.dilate(alien, square(5)))
    if digit is not None:
        outside = cast("Grey", cv2.subtract(outside, digit))
    # painted over in the paper's own tone, lest the painting stand out
    paper = cv2.mean(calm, cv2.bitwise_not(cv2.bitwise_or(outside, split.mask)))[0]
    again = _split(np.where(outside, np.uint8(paper), calm), least_contrast, outside)
    found = None if again is None else digit_of(without_lines(again.mask))
    if again is None or found is None or not reaches_middle(found):
        return split, digit
    return again, found


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
