"""What people wrote into a box: the cut without print and without what the boxes beside it spill into it."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.cutting import FAINT, PRINT, Cut

Grey = NDArray[np.uint8]

OWN = 0.5
"""Share of a stroke that lies in the box from which on it belongs to it."""
INNER = 0.15
"""Of the box's sides: a stroke from elsewhere that comes further in than this may be the box's own."""
SPECK = 0.08
"""Dust, by the box's shorter side: 0.4 mm of 5."""
FAINTEST, ABOVE_GRAIN, LONG = 36, 2.0, 0.35
"""Ink of a pencil that hardly shows, 0 to 255; how far above the paper's grain it stands; and the least length of such
a stroke, by the box's shorter side."""
GRAIN = 70
"""The percentile of a cut's ink that is its paper's grain."""
PALER = 20
"""Ink by which a pixel has lost print."""
PALE_SHARE, LEAST_INK, CLEAR = 0.35, 24, 9.0
"""Beside black print a pencil's ink is pale: in a box it begins at this share of the darkest that is left there, at no
less than this level, 0 to 255, and so many times above that of its paper: 4 standard deviations of its grain."""
DARKEST, PAPER = 98, 35
"""Percentiles of the ink in a box that stand for its darkest and for its paper: strokes cover 65 % of it at most."""
RIM = 0.12
"""Of the box's sides, where remains of print lie, which tell nothing of the pen."""


class Trace(NamedTuple):
    """What tells of a box how far its picture can be trusted.

    Attributes:
        tall: height of its ink by that of the box; 0 without ink.
        along: pixels of print taken out beside its ink, by the box's shorter side: there a stroke may be lost.
        above: ink over the box that is not its own, by the area of the box, as of a digit written over a struck one.
        faint: share of the box's inner part with ink too little to be its own.
    """

    tall: float = 0.0
    along: float = 0.0
    above: float = 0.0
    faint: float = 0.0


NO_TRACE = Trace()


class Written(NamedTuple):
    """``picture`` is the cut uint8 [height, width] with its print and its neighbours' strokes turned to paper, None
    where nothing is left but dust; ``doubtful`` whether it is not sure what belongs to the box.

    The paper keeps its grain, by which a normaliser tells faint ink from none.
    """

    picture: Grey | None
    doubtful: bool
    trace: Trace


def written(cut: Cut) -> Written:
    """What somebody wrote into the box."""
    own, doubtful = _own(cut, _least_ink(cut))
    if not own.any():
        own, doubtful = _faint(cut), True
    lost = cut.raw > cut.ink.astype(np.int16) + PALER
    if not own.any():
        return Written(None, False, Trace(faint=_rest(cut, own)))
    near = cv2.dilate(own.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    gone = (lost & ~own) | ((cut.ink >= FAINT) & ~near)
    around = cv2.dilate(gone.astype(np.uint8), np.ones((3, 3), np.uint8)).astype(bool) & ~near
    return Written(np.where(around | gone, np.uint8(cut.paper), cut.picture), doubtful, _trace(cut, own, lost & near))


def _trace(cut: Cut, own: NDArray[np.bool_], lost: NDArray[np.bool_]) -> Trace:
    """Args: own: bool [height, width], the box's ink; lost: print that was taken out beside it."""
    left, top, right, bottom = cut.box
    shorter, area = min(right - left, bottom - top), (right - left) * (bottom - top)
    rows = np.flatnonzero(own.any(axis=1))
    over = (cut.ink[:top, left:] >= PRINT) & ~own[:top, left:]
    return Trace(
        tall=float((rows[-1] + 1 - rows[0]) / (bottom - top)),
        along=float(np.count_nonzero(lost) / shorter),
        above=float(np.count_nonzero(over) / area),
        faint=_rest(cut, own),
    )


def _rest(cut: Cut, own: NDArray[np.bool_]) -> float:
    """Share of the box's inner part with ink that is not its ``own``."""
    left, top, right, bottom = cut.box
    across, down = round(INNER * (right - left)), round(INNER * (bottom - top))
    inner = np.s_[top + down : bottom - down, left + across : right - across]
    near = cv2.dilate(own[inner].astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    return float(np.count_nonzero((cut.ink[inner] >= FAINT) & ~near) / near.size)


def darkness(cut: Cut) -> float:
    """Ink in the box and close around it by the box's area, 0.0 to 1.0 and more: of a tick, a cross, a filled box."""
    left, top, right, bottom = cut.box
    room = left // 2
    part = cut.ink[top - room : bottom + room, left - room : right + room]
    return float((part >= PRINT).sum() / ((right - left) * (bottom - top)))


def _least_ink(cut: Cut) -> int:
    """The level of ink, 0 to 255, from which on a pixel of this box is a stroke's: PRINT, less where the pen was pale
    beside the form's print."""
    left, top, right, bottom = cut.box
    across, down = round(RIM * (right - left)), round(RIM * (bottom - top))
    inner = cut.ink[top + down : bottom - down, left + across : right - across]
    calm = cv2.GaussianBlur(inner, (3, 3), 0)
    pen = PALE_SHARE * _percentile(np.asarray(calm, np.uint8), DARKEST)
    return int(min(PRINT, max(LEAST_INK, CLEAR * _percentile(inner, PAPER), pen)))


def _percentile(ink: Grey, percent: int) -> float:
    """In a fifth of the time that NumPy's takes."""
    place = ink.size * percent // 100
    return float(np.partition(ink, place, axis=None)[place])


def _own(cut: Cut, ink: int) -> tuple[NDArray[np.bool_], bool]:
    """Strokes that belong to the box, bool [height, width], and whether it is not sure that they do.

    A stroke of which most lies elsewhere, as of a digit that is joined to print, counts as far as it lies in the box.

    Args:
        ink: the level from which on a pixel is a stroke's.
    """
    many, parts, statistics, _ = cv2.connectedComponentsWithStats((cut.ink >= ink).astype(np.uint8), connectivity=8)
    left, top, right, bottom = cut.box
    least = SPECK * min(right - left, bottom - top)
    inside = np.zeros(cut.ink.shape, bool)
    inside[top:bottom, left:right] = True
    across, down = round(INNER * (right - left)), round(INNER * (bottom - top))
    within = np.bincount(parts[inside], minlength=many)
    further = np.bincount(parts[top + down : bottom - down, left + across : right - across].ravel(), minlength=many)
    large = np.maximum(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT]) > least
    own = large & (within >= OWN * statistics[:, cv2.CC_STAT_AREA])
    joined = ~own & (further > least**2)
    own[0] = joined[0] = False
    return np.asarray(own[parts] | (joined[parts] & inside), np.bool_), bool(joined.any())


def _faint(cut: Cut) -> NDArray[np.bool_]:
    """Strokes too faint for ``_own``, bool [height, width]: what is as long as a stroke, and darker than the grain."""
    calm = cv2.GaussianBlur(cut.ink, (5, 5), 0)
    level = max(FAINTEST, ABOVE_GRAIN * float(np.percentile(cut.raw, GRAIN)))
    dark = cv2.morphologyEx((calm >= level).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    many, parts, statistics, _ = cv2.connectedComponentsWithStats(np.asarray(dark, np.uint8), connectivity=8)
    left, top, right, bottom = cut.box
    within = np.bincount(parts[top:bottom, left:right].ravel(), minlength=many)
    large = np.maximum(statistics[:, cv2.CC_STAT_WIDTH], statistics[:, cv2.CC_STAT_HEIGHT])
    own = (large >= LONG * min(right - left, bottom - top)) & (within >= OWN * statistics[:, cv2.CC_STAT_AREA])
    own[0] = False
    return np.asarray(own[parts], np.bool_)
