"""Whether what was read in a strip is one number on one line: not two beside or above each other, none with a minus
before it, with digits raised behind it, or with a slash, which looks like a 1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import Reason
from digitmill.strips.lattice import Lattice, Reading

Grey = NDArray[np.uint8]

APART, UNEVEN = 1.0, 1.5
"""A gap between digits is wide from so many of their heights on, where the middles of its digits lie so many times as
far apart as those of the others: digits in boxes may all lie far apart."""
RAISED = 0.3
"""How far a digit's lower edge lies above that of the tall ones, by the tallest's height."""
TALL = 0.75
"""Least height of a tall digit by the tallest's."""
ROWS, SHARE = 2, 0.25
"""Rows without ink between two lines of digits, and the least height of a line by that of both."""
MINUS, SHORT_MINUS = (0.35, 2.0, (0.25, 0.75)), (0.45, 1.2, (0.15, 0.85))
"""Greatest height of a minus by the digits', its least width by its height, and where its middle lies between their
upper and lower edge; and of what a network takes for a mark, which may be shorter."""
UPRIGHT, BOW, LEANS, LONGER = 0.2, 1.5, 0.4, 2.0
"""A 1 between other digits may be a slash if it leans by more than ``UPRIGHT``, is no wider than ``BOW``, and leans by
``LEANS`` more than the others; each tenth by which it is taller than they counts as ``LONGER`` tenths of leaning. Of
what validation hands wrote and what was sure before, 93 % of the slashes are so, and 17 % of the ones."""
INK = 100
"""Grey level from which a pixel of a strip's ink is ink."""


def doubt_of(
    ink: Grey, lattice: Lattice, reading: Reading, pictures: Sequence[Grey], *, marked: bool = False
) -> Reason | None:
    """What speaks against these digits being one number; None where nothing does.

    Args:
        ink: uint8 [height, width], light on 0, of the strip.
        lattice: of that ink.
        pictures: uint8 [28, 28] of each group of the lattice.
        marked: a network that reads strips as one sequence sees a mark before the first digit.
    """
    boxes = lattice.boxes[list(reading.groups)]
    if _minus_before(lattice, reading, boxes, SHORT_MINUS if marked else MINUS):
        return Reason.DASH
    parted = _wide_gap(boxes) or _raised(boxes) or _lines(ink, boxes) or _slash(reading, boxes, pictures)
    return Reason.SEVERAL if parted else None


def _wide_gap(boxes: NDArray[np.int32]) -> bool:
    """Args: boxes: int32 [digits, 4], left, top, right and bottom."""
    if len(boxes) < 2:
        return False
    height = float(np.median(boxes[:, 3] - boxes[:, 1]))
    gaps = boxes[1:, 0] - np.maximum.accumulate(boxes[:, 2])[:-1]
    widest = int(gaps.argmax())
    steps = np.diff((boxes[:, 0] + boxes[:, 2]) / 2)
    others = np.delete(steps, widest)
    uneven = not len(others) or float(steps[widest]) > UNEVEN * float(np.median(others))
    return bool(gaps[widest] > APART * height) and uneven


def _raised(boxes: NDArray[np.int32]) -> bool:
    heights = boxes[:, 3] - boxes[:, 1]
    base = float(np.median(boxes[heights >= TALL * heights.max(), 3]))
    return bool((base - boxes[:, 3]).max() > RAISED * heights.max())


def _lines(ink: Grey, boxes: NDArray[np.int32]) -> bool:
    """Whether rows without ink part the digits into an upper and a lower line."""
    top, bottom = int(boxes[:, 1].min()), int(boxes[:, 3].max())
    columns = np.zeros(ink.shape[1], np.bool_)
    for left, _, right, _ in boxes.tolist():
        columns[left:right] = True
    inked: NDArray[np.bool_] = np.max(ink[top:bottom, columns], axis=1) >= INK
    empty = np.logical_not(inked)
    inside = slice(int(SHARE * len(empty)), len(empty) - int(SHARE * len(empty)))
    return int(empty[inside].sum()) >= ROWS


def _minus_before(
    lattice: Lattice, reading: Reading, boxes: NDArray[np.int32], bounds: tuple[float, float, tuple[float, float]]
) -> bool:
    """Whether a level stroke stands before the first digit, at half its height. ``bounds``: as MINUS has them."""
    most_high, least_long, (above, below) = bounds
    end = int(lattice.starts[reading.groups[0]])
    pieces = {
        int(lattice.starts[group]): group for group in np.flatnonzero(lattice.ends - lattice.starts == 1).tolist()
    }
    stroke = [pieces[place] for place in range(end - 1, -1, -1)]
    # it is cut into pieces as all long strokes are
    joined = next((place for place in range(1, len(stroke)) if not lattice.shapes[stroke[place], 1]), len(stroke))
    if not stroke:
        return False
    left, top = lattice.boxes[stroke[:joined], :2].min(axis=0).tolist()
    right, bottom = lattice.boxes[stroke[:joined], 2:].max(axis=0).tolist()
    upper, lower = float(np.median(boxes[:, 1])), float(np.median(boxes[:, 3]))
    middle = ((top + bottom) / 2 - upper) / max(lower - upper, 1.0)
    level = bottom - top <= most_high * (lower - upper) and right - left >= least_long * (bottom - top)
    return bool(level) and above < middle < below


def _slash(reading: Reading, boxes: NDArray[np.int32], pictures: Sequence[Grey]) -> bool:
    """Whether a 1 between other digits is as straight, leans as much and is as long as a slash."""
    inner = [place for place in range(1, len(reading.text) - 1) if reading.text[place] == "1"]
    if not inner:
        return False
    leans, bows = zip(*(leaning(pictures[group]) for group in reading.groups), strict=True)
    heights = boxes[:, 3] - boxes[:, 1]
    for one in inner:
        rest = [place for place in range(len(boxes)) if place != one]
        rest = [place for place in rest if reading.text[place] != "1"] or rest
        taller = float(heights[one] / np.median(heights[rest])) - 1
        more = leans[one] - float(np.mean([leans[place] for place in rest])) + LONGER * taller
        if leans[one] > UPRIGHT and bows[one] < BOW and more > LEANS:
            return True
    return False


def leaning(picture: Grey) -> tuple[float, float]:
    """How far ink leans to the right, in columns for each row upwards, and how much wider it is than a straight stroke
    of as much ink and as long, 1 for one."""
    weights = picture.astype(np.float64)
    total = max(float(weights.sum()), 1.0)
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    down = rows - (weights * rows).sum() / total
    across = columns - (weights * columns).sum() / total
    both = float((weights * across * down).sum() / total)
    wide, tall = (float((weights * each**2).sum() / total) for each in (across, down))
    narrow, long = np.linalg.eigvalsh([[wide, both], [both, tall]]).clip(1e-6).tolist()
    return -both / max(tall, 1e-6), 12 * float(np.sqrt(narrow * long)) * 255 / total
