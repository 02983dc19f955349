"""The ink of a strip of digits: apart from its paper, from the boxes and rules of a form, and from specks."""

from __future__ import annotations

from typing import NamedTuple, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.paper import on_more_paper, square
from digitmill.imaging.normaliser.polarity import polarity_of
from digitmill.strips.lost import faint_ink, has_fainter, is_cut_through

Grey = NDArray[np.uint8]

HEIGHT = 56
"""Pixels of the ink's height that a strip is brought to before it is cut into pieces."""
FIRST_HEIGHT = 96
"""Pixels of the height of a strip in which its ink is looked for."""
LONGEST = 4096
"""Pixels of the longest side of the picture that is cut into pieces: 32 digits with space between them."""
PAPER_WINDOW = 0.5
"""By the strip's height: wider than any stroke."""
LEAST_CONTRAST = 7
"""Grey levels between paper and ink."""
NOISE_RATIO = 3.0
"""The same in standard deviations of the paper."""
RULE_LENGTH = 1.6
"""A level line longer than so many heights of the strip is a form's: no pen draws one in a number."""
RULE_SHARE = 0.8
"""Or one that runs along so much of the strip's width, in a strip that is wider than high."""
COMMON = 0.3
"""Share of the strip's width that a level line covers for uprights to stand on it."""
COMB = 0.15
"""Least height of an upright line by the strip's."""
JOINED = 4
"""Pixels between the end of an upright line and the level line it stands on, at most."""
THICKEST = 0.09
"""Thickest line of a form, by the strip's height."""
SIDE_LENGTH, OUTER = 0.6, 0.1
"""Least length of an upright line at a side of the strip, by its height, and how far from it, by the width."""
SIDE, SIDE_WIDTH = 0.03, 0.2
"""A piece of ink so near to a side of a framed strip and no wider is a part of its frame, by the strip's height."""
CRUMB = 0.14
"""Greatest side of a piece of ink at a line of a frame that is taken for a part of it, by the strip's height."""
SPECK = 0.0015
"""Least area of a piece of ink, by the square of the strip's height."""
HAZE = 0.1
"""Share of the threshold between paper and ink below which all is black."""
EVEN = 0.08
"""Where the darker part of a picture is half of it give or take so much, its border tells which part is ink."""
EDGE_PIECE = 0.2
"""Greatest height, by the strip's, of a piece of ink at its upper or lower edge that is taken for a part of the line
above or below, where all other ink lies apart."""
FAR_HEIGHT = 256
"""Pixels of the height of a picture in which a number is looked for that may be far smaller than its paper."""
LEAST_SHARE = 0.45
"""Least height of the ink by the strip's; else it is looked at from near."""
MARGIN = 0.35
"""Paper left around such ink, by its height."""
DASH_END, SMALL_DASH, MIDDLE = 0.02, 0.2, (0.25, 0.75)
"""A level line alone is a dash where it ends so far from both sides of the strip, by its width, is no higher and lies
no nearer to its upper and lower edge, by its height."""
STRUCK = 0.5
"""Share of the ink's width along which a level line in its middle makes it doubtful."""


class StripInk(NamedTuple):
    """The ink of a strip, cut to its box.

    ``picture``: uint8 [about 56, width], ink up to 255 on paper of 0. The pixel at (x, y) of it lies at
    (left + x / scale, top + y / scale) in the scan. ``light``: it is light on dark there. ``struck``: a level line was
    taken out of the middle of it, which may be a form's or a pen's. ``lost``: a digit was cut through at a side of the
    strip, or is too faint to be in it.
    """

    picture: Grey
    left: float
    top: float
    scale: float
    light: bool
    struck: bool
    lost: bool


class _Found(NamedTuple):
    """``ink`` as large as the strip that it was found in."""

    ink: Grey
    struck: bool
    lost: bool


def strip_ink(grey: Grey, polarity: Polarity) -> StripInk | None:
    """The ink of ``grey``, uint8 [height, width], 0 black to 255 white; None where there is none."""
    if polarity is Polarity.AUTO:
        polarity = _polarity(_to_height(grey, FIRST_HEIGHT))
    # a number far smaller than its paper is looked at again from near
    height = grey.shape[0]
    near, top, left = grey, 0, 0
    for look in (FAR_HEIGHT, FAR_HEIGHT) if height > FAR_HEIGHT else (FIRST_HEIGHT,):
        box = _box(near, polarity, look)
        if box is None:
            break
        x, y, width, tall = box
        if tall >= LEAST_SHARE * near.shape[0]:
            break
        margin = int(MARGIN * tall) + 2
        rows = slice(max(0, y - margin), y + tall + margin)
        columns = slice(max(0, x - margin), x + width + margin)
        near, top, left = near[rows, columns], top + rows.start, left + columns.start
    working = _to_height(near, FIRST_HEIGHT)
    found = _ink(_light(working, polarity))
    if found is None:
        return None
    x, y, width, tall = cv2.boundingRect(found.ink)
    box_of_ink = found.ink[y : y + tall, x : x + width]
    scale, first = min(HEIGHT / tall, LONGEST / width), working.shape[0] / near.shape[0]
    picture, light = _scaled(box_of_ink, scale), polarity is Polarity.LIGHT_ON_DARK
    return StripInk(picture, left + x / first, top + y / first, scale * first, light, found.struck, found.lost)


def _polarity(grey: Grey) -> Polarity:
    """Ink covers less of a strip than paper. The frame of a box may cover its border, which tells in other crops."""
    dark = 1 - cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1].mean()
    if abs(dark - 0.5) < EVEN:
        return polarity_of(grey)
    return Polarity.DARK_ON_LIGHT if dark < 0.5 else Polarity.LIGHT_ON_DARK


def _box(grey: Grey, polarity: Polarity, look: int) -> tuple[int, int, int, int] | None:
    """The box of the ink (x, y, width, height) in pixels of ``grey``, looked for at so many pixels of height."""
    working = _to_height(grey, look)
    found = _ink(_light(working, polarity))
    if found is None:
        return None
    factor = grey.shape[0] / working.shape[0]
    x, y, width, height = (int(each * factor) for each in cv2.boundingRect(found.ink))
    return x, y, width, height


def _light(grey: Grey, polarity: Polarity) -> Grey:
    return grey if polarity is Polarity.LIGHT_ON_DARK else np.invert(grey)


def _ink(light: Grey) -> _Found | None:
    height = light.shape[0]
    inside, padded = on_more_paper(light)
    window = max(3, int(PAPER_WINDOW * height))
    above = cv2.subtract(padded, cast("Grey", cv2.morphologyEx(padded, cv2.MORPH_OPEN, square(window))))[inside]
    calm = cast("Grey", cv2.GaussianBlur(above, (3, 3), 0) if height >= 32 else above)
    threshold, found = cv2.threshold(calm, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    mask = cast("Grey", found)
    level = cv2.mean(calm, mask)[0]
    paper, noise = cv2.meanStdDev(calm, mask=cv2.bitwise_not(mask))
    if level - paper.item() < max(LEAST_CONTRAST, NOISE_RATIO * noise.item()):
        return None
    rest, lines = without_print(mask)
    kept = _without_specks(rest)
    if kept is None:
        kept = lines if _is_dash(lines) else None
    if kept is None:
        return None
    floor = HAZE * threshold
    gain = 255 / max(1.0, level - floor)
    inked = cv2.bitwise_and(above, cv2.dilate(kept, square(3)))
    ink = cast("Grey", cv2.addWeighted(inked, gain, inked, 0, -floor * gain))
    lost = is_cut_through(cast("Grey", above), kept) or has_fainter(without_print(faint_ink(calm, mask))[0], mask)
    return _Found(ink, _is_struck(kept, lines), lost)


def _is_dash(lines: Grey) -> bool:
    """Whether these level lines are one alone that begins and ends within the strip, about its middle."""
    height, width = lines.shape
    x, y, across, down = cv2.boundingRect(lines)
    apart = x > DASH_END * width and x + across < (1 - DASH_END) * width
    return (
        bool(across) and apart and down < SMALL_DASH * height and MIDDLE[0] * height < y + down / 2 < MIDDLE[1] * height
    )


def _is_struck(ink: Grey, lines: Grey) -> bool:
    """Whether one of the ``lines`` that were taken out runs through the middle of the ``ink`` that is left."""
    x, y, width, height = cv2.boundingRect(ink)
    within = lines[y + height // 4 : y + height - height // 4, x : x + width]
    return bool(within.any(axis=0).mean() > STRUCK) if within.size else False


def without_print(mask: Grey) -> tuple[Grey, Grey]:
    """``mask`` without level lines that run along the strip, and without the upright lines of boxes that stand on them;
    and those level lines.

    Ink that crosses a line stays joined: of each line that part stays where ink goes on at both sides of it.
    """
    height, width = mask.shape
    # in a strip of one or two digits a stroke may be as long: only what stands in a whole frame is a line there
    narrow = width <= 1.5 * height
    length = int(RULE_SHARE * width) if narrow else int(min(RULE_LENGTH * height, RULE_SHARE * width))
    # a line that is a little askew leaves its row of pixels after a while: it is bridged before it is looked for
    bridged = cv2.dilate(mask, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(bridged, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    thickest = max(3, round(THICKEST * height))
    level = _thin(cast("Grey", cv2.bitwise_and(runs, mask)), mask, thickest)
    if not level.any():
        return mask, level
    rest = _less(mask, level, thickest)
    upright = _uprights(rest, level, thickest)
    framed = _is_frame(level)
    if narrow and not (framed and _has_sides(mask)):
        return mask, np.zeros_like(mask)
    if upright is not None:
        rest = np.ascontiguousarray(_less(rest.T, upright.T, thickest).T)
    if framed:
        rest = _without_remains(rest, cast("Grey", cv2.subtract(mask, rest)))
    return np.ascontiguousarray(rest), cast("Grey", cv2.subtract(level, rest))


def _is_frame(level: Grey) -> bool:
    """Whether level lines run both near the top and near the bottom of the strip."""
    third = level.shape[0] // 3
    return bool(level[:third].any() and level[-third:].any())


def _has_sides(mask: Grey) -> bool:
    """Whether upright lines run along both sides of the strip."""
    height, width = mask.shape
    runs = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((max(3, int(SIDE_LENGTH * height)), 1), np.uint8))
    outer = max(2, int(OUTER * width))
    return bool(runs[:, :outer].any() and runs[:, -outer:].any())


def _without_remains(rest: Grey, lines: Grey) -> Grey:
    """``rest`` without what is left of a frame: narrow pieces at both sides, and crumbs at the ``lines`` taken out."""
    height, width = rest.shape
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(rest, connectivity=8, ltype=cv2.CV_16U)
    statistics = np.asarray(boxes, np.int32)
    lefts, widths = statistics[:, cv2.CC_STAT_LEFT], statistics[:, cv2.CC_STAT_WIDTH]
    at_side = (lefts <= SIDE * height) | (lefts + widths >= width - SIDE * height)
    small = np.maximum(widths, statistics[:, cv2.CC_STAT_HEIGHT]) <= CRUMB * height
    at_lines = np.bincount(labels[cv2.dilate(lines, square(5)) > 0], minlength=count) > 0
    gone = (at_side & (widths <= SIDE_WIDTH * height)) | (small & at_lines)
    return np.where(gone, np.uint8(0), np.uint8(255)).take(cast("NDArray[np.uint16]", labels)) & rest


def _thin(lines: Grey, mask: Grey, thickest: int) -> Grey:
    """Of level ``lines`` what is no thicker than a form's: thicker ink is a digit's own stroke. With their edges."""
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((thickest + 2, 1), np.uint8))
    wide = cv2.bitwise_and(cv2.dilate(lines, np.ones((3, 1), np.uint8)), mask)
    return cast("Grey", cv2.subtract(wide, thick))


def _less(mask: Grey, lines: Grey, thickest: int) -> Grey:
    """``mask`` without level ``lines``, but where a stroke goes on above and below them."""
    rest = cast("Grey", cv2.subtract(mask, lines))
    reach = np.ones((thickest + 2, 3), np.uint8)
    below = cv2.dilate(rest, reach, anchor=(1, thickest + 1))
    above = cv2.dilate(rest, reach, anchor=(1, 0))
    return cast("Grey", cv2.bitwise_or(rest, cv2.bitwise_and(cv2.bitwise_and(above, below), lines)))


def _uprights(rest: Grey, level: Grey, thickest: int) -> Grey | None:
    """The upright lines of boxes and combs: thin, straight, joined to a level line, all as high. None without any."""
    height = rest.shape[0]
    rows = np.flatnonzero(level.sum(axis=1) >= 255 * COMMON * level.shape[1])
    if not len(rows):
        return None
    runs = cv2.morphologyEx(
        cv2.dilate(rest, np.ones((1, 3), np.uint8)), cv2.MORPH_OPEN, np.ones((max(5, int(COMB * height)), 1), np.uint8)
    )
    runs = cast("Grey", cv2.bitwise_and(runs, rest))
    runs = _thin(runs.T, rest.T, thickest).T
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(runs), connectivity=8)
    statistics = np.asarray(boxes, np.int32)
    tall = [
        number
        for number in range(1, len(statistics))
        if statistics[number, cv2.CC_STAT_WIDTH] <= thickest + 1
        and statistics[number, cv2.CC_STAT_HEIGHT] >= COMB * height
        and _stands_on(statistics[number], rows)
    ]
    kept = _as_high(tall, statistics)
    if len(kept) < 2:
        return None
    return np.where(np.isin(labels, kept), np.uint8(255), np.uint8(0))


def _stands_on(box: NDArray[np.int32], rows: NDArray[np.intp]) -> bool:
    """Whether an upright run ends at a level line."""
    ends = int(box[cv2.CC_STAT_TOP]), int(box[cv2.CC_STAT_TOP] + box[cv2.CC_STAT_HEIGHT])
    return any(bool((np.abs(rows - end) <= JOINED).any()) for end in ends)


def _as_high(numbers: list[int], statistics: NDArray[np.int32]) -> list[int]:
    """Those whose tops and bottoms are within a few pixels of most others': boxes stand in a row, digits do not."""
    if not numbers:
        return []
    tops = statistics[numbers, cv2.CC_STAT_TOP]
    bottoms = tops + statistics[numbers, cv2.CC_STAT_HEIGHT]
    near = (np.abs(tops - np.median(tops)) <= JOINED) & (np.abs(bottoms - np.median(bottoms)) <= JOINED)
    return [number for number, kept in zip(numbers, near.tolist(), strict=True) if kept]


def _without_specks(mask: Grey) -> Grey | None:
    _, labels, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_16U)
    statistics = np.asarray(boxes, np.int32)
    height = mask.shape[0]
    kept = statistics[:, cv2.CC_STAT_AREA] >= max(3.0, SPECK * height**2)
    tops = statistics[:, cv2.CC_STAT_TOP]
    bottoms = tops + statistics[:, cv2.CC_STAT_HEIGHT]
    at_edge = ((tops == 0) | (bottoms == height)) & (bottoms - tops <= EDGE_PIECE * height)
    kept[0] = at_edge[0] = False
    inner = kept & ~at_edge
    if inner.any():
        kept &= ~at_edge | ((bottoms > tops[inner].min()) & (tops < bottoms[inner].max()))
    if not kept.any():
        return None
    return np.where(kept, np.uint8(255), np.uint8(0)).take(cast("NDArray[np.uint16]", labels))


def _to_height(picture: Grey, height: int) -> Grey:
    return picture if picture.shape[0] <= height else _scaled(picture, height / picture.shape[0])


def _scaled(picture: Grey, scale: float) -> Grey:
    height, width = picture.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return cast("Grey", cv2.resize(picture, size, interpolation=interpolation))
