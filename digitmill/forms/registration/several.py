"""Whether a scan shows another page beside the one that was found: of two forms side by side one would be lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.finding import Registration, Scan, registered
from digitmill.forms.registration.reference import Reference

Grey = NDArray[np.uint8]

MOST_COVERED = 0.6
"""Share of a scan that one of two pages of a size covers at most; where it covers more there is no look for others."""
LIKE_PAGE = 0.3
"""Ink beside the page by that in it from which on there may be another page: a table has less, most times."""
INK = 128
QUICKLY = 1
"""Kinds of features that are tried: on a table nothing is found, and all of them took as long as eight pages."""
AS_BRIGHT, AS_LARGE = 0.75, 0.5
"""Of the page's paper and of its size, another sheet has so much."""
BORDER = 9
"""Pixels of the reduced scan around the page that are not looked at, and half the width of the rims that are left."""
LETTER, LEAST_LETTERS = (3, 24), 30
"""Heights of print in pixels of the reduced scan, and how many pieces of it the barest form has."""


def another_on(
    scan: Scan, found: Registration, references: Sequence[Reference], alive: Callable[[], None] = lambda: None
) -> Registration | None:
    """A second page of one of these templates. It takes about as long as the first, where there is room and ink for it.

    Args:
        alive: called before each template that is tried.
    """
    inside = _page_beside_ink(scan, found)
    if inside is None:
        return None
    corners = _corners(found)
    rest = scan.picture.copy()
    cv2.fillConvexPoly(rest, np.rint(corners).astype(np.int32), int(np.median(rest)))
    other = Scan(rest)
    for reference in references:
        alive()
        if (one := registered(other, reference, QUICKLY)) is not None:
            return one
    return None


def has_strange_page(scan: Scan, found: Registration) -> bool:
    """Whether there is a sheet beside the page that was found, as bright, about as large and with print as much, of
    which nothing is known. A table with things on it is none."""
    inside = _page_beside_ink(scan, found)
    if inside is None:
        return False
    ink = scan.ink >= INK
    grown = cv2.dilate(inside.astype(np.uint8), np.ones((BORDER, BORDER), np.uint8)) > 0
    paper = float(np.median(scan.small[inside & ~ink]))
    bright = ((scan.small >= AS_BRIGHT * paper) | ink).astype(np.uint8)
    # the blurred edges of print are no holes in the paper
    whole = np.asarray(cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((BORDER, BORDER), np.uint8)), np.uint8)
    sheet = np.where(grown, 0, whole).astype(np.uint8)
    kernel = np.ones((2 * BORDER + 1, 2 * BORDER + 1), np.uint8)
    many, parts, statistics, _ = cv2.connectedComponentsWithStats(
        np.asarray(cv2.morphologyEx(sheet, cv2.MORPH_OPEN, kernel), np.uint8), connectivity=4
    )
    if many < 2:
        return False
    largest = 1 + int(statistics[1:, cv2.CC_STAT_AREA].argmax())
    other = np.asarray(parts) == largest
    if other.sum() < AS_LARGE * inside.sum():
        return False
    # the streaks of a dark table are ink, so that all of it came through as bright
    between = other & ~ink
    if not between.any() or float(np.median(scan.small[between])) < AS_BRIGHT * paper:
        return False
    return bool(ink[other].sum() >= LIKE_PAGE * ink[inside].sum() and _letters_in(ink, other) >= LEAST_LETTERS)


def _letters_in(ink: NDArray[np.bool_], part: NDArray[np.bool_]) -> int:
    """Pieces of ink of the size of print in a part of a reduced scan."""
    _, _, statistics, _ = cv2.connectedComponentsWithStats((ink & part).astype(np.uint8), connectivity=8)
    height = statistics[1:, cv2.CC_STAT_HEIGHT]
    return int(((height >= LETTER[0]) & (height <= LETTER[1])).sum())


def _page_beside_ink(scan: Scan, found: Registration) -> NDArray[np.bool_] | None:
    """Where the page lies on the reduced scan; None where there is no room for another, or hardly any ink."""
    corners = _corners(found)
    if cv2.contourArea(corners.astype(np.float32)) > MOST_COVERED * scan.picture.size:
        return None
    on_small = mapped(np.linalg.inv(scan.back), corners)
    inside = cv2.fillConvexPoly(np.zeros(scan.ink.shape, np.uint8), np.rint(on_small).astype(np.int32), 1) > 0
    ink = scan.ink >= INK
    return None if ink[~inside].sum() < LIKE_PAGE * ink[inside].sum() else inside


def _corners(found: Registration) -> Floats:
    """Of the page on the scan's picture, float[4, 2]."""
    page = found.reference.template.page
    return found.seen(np.array([[0, 0], [page.width, 0], [page.width, page.height], [0, page.height]], float))
