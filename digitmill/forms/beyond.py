"""Digits beside a row of boxes that did not suffice: who has four digits for three boxes writes the fourth beside them.

It is told where a blank page says that there is no print: a label, or the boxes of another field, leave remains.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.cutting import PRINT, Cut, cut_of
from digitmill.forms.geometry import Quad, bounds_of, quad_of
from digitmill.forms.registration.finding import Registration

Grey = NDArray[np.uint8]

TALL, OWN = 0.5, 0.6
"""Least height of a digit by its box's, and the share of its ink that lies beyond the boxes."""
PRINTED = 0.02
"""Share of the place beside the boxes that print covers at most, where it is looked at."""
DARK, FAINT = 60, 20
"""Grey levels by which print is darker than its paper; and ink, at the least."""


def has_digit_beyond(page: Registration, number: int) -> bool:
    """Whether ink as high as a digit stands directly before or behind the boxes of the field of this number."""
    template = page.reference.template
    if not template.page.blank:
        return False
    quads = template.fields[number].quads
    return any(
        _has_ink(page, quad) and _is_free(page, number, quad) and _holds_digit(cut_of(page, quad))
        for quad in _beside(quads)
    )


def _beside(quads: tuple[Quad, ...]) -> tuple[Quad, Quad]:
    """Where one more box would stand before the first, and behind the last."""
    first, last = np.array(quads[0]), np.array(quads[-1])
    if len(quads) == 1:
        across = (first[1] + first[2] - first[0] - first[3]) / 2
        return quad_of(first - across), quad_of(last + across)
    return quad_of(first - (np.array(quads[1]) - first)), quad_of(last + (last - np.array(quads[-2])))


def _is_free(page: Registration, number: int, quad: Quad) -> bool:
    """Whether the reference has neither print nor another field there."""
    left, top, right, bottom = bounds_of(np.array(quad))
    size = page.reference.template.page
    if left < 0 or top < 0 or right > size.width or bottom > size.height:
        return False
    fields = page.reference.template.fields
    others = np.array([each for place, field in enumerate(fields) if place != number for each in field.quads])
    if len(others):
        (lefts, tops), (rights, bottoms) = others.min(axis=1).T, others.max(axis=1).T
        if ((lefts < right) & (rights > left) & (tops < bottom) & (bottoms > top)).any():
            return False
    # the line of the box beside it lies on its side
    rim = max(1, (right - left) // 8)
    part = page.reference.picture[top:bottom, left + rim : right - rim]
    return bool(part.size) and bool((part < int(np.median(part)) - DARK).mean() <= PRINTED)


def _has_ink(page: Registration, quad: Quad) -> bool:
    """Whether anything there is darker than paper: a look that costs little, since nearly always nothing is."""
    left, top, right, bottom = bounds_of(page.seen(np.array(quad)))
    part = page.scan.picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    return bool(part.size) and int(np.median(part)) - int(part.min()) >= FAINT


def _holds_digit(cut: Cut) -> bool:
    left, top, right, bottom = cut.box
    dark = (cut.ink >= PRINT).astype(np.uint8)
    many, parts, statistics, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    within = np.bincount(parts[:, left:right].ravel(), minlength=many)
    own = within >= OWN * statistics[:, cv2.CC_STAT_AREA]
    own[0] = False
    return bool((own & (statistics[:, cv2.CC_STAT_HEIGHT] >= TALL * (bottom - top))).any())
