"""A 1 that was cut at its ink: a crop that is ink nearly throughout, so that no paper tells ink from paper.

It is slim, or was stretched to a square.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.polarity import polarity_of

Grey = NDArray[np.uint8]

SLIM = 0.35
"""Width by height of such a crop, at most."""
LEAST_HEIGHT, LEAST_CONTRAST = 12, 40
"""Pixels, and grey levels between its darkest and its lightest."""
FILLED, CORE = 0.55, 0.85
"""Share of the crop that is ink at least, and of the third of its columns in the middle."""
AROUND = 4
"""The paper that is laid around it, as a part of its height: one in so many."""

SMALL, QUARTER = 28, 7
"""Pixels of a side of the picture in which a blot is looked for, and outside of its middle."""
BLOT, BLOT_CONTRAST, APART = 0.1, 60, 0.35
"""Share of such a crop that is paper at least; levels between the two, and how far each spreads by these at most."""


def with_paper_around(grey: Grey, polarity: Polarity) -> Grey:
    """``grey`` itself, uint8 [height, width]; where it is such a 1, with paper as light, or dark, as its rim has it."""
    height, width = grey.shape
    if width > SLIM * height or height < LEAST_HEIGHT:
        return grey
    lowest, highest, _, _ = cv2.minMaxLoc(grey)
    if highest - lowest < LEAST_CONTRAST:
        return grey
    third, middle = width // 3, (lowest + highest) / 2
    dark = grey < middle
    core = dark[:, third : width - third]
    if polarity is not Polarity.LIGHT_ON_DARK and core.mean() >= CORE and dark.mean() >= FILLED:
        paper = highest
    elif polarity is not Polarity.DARK_ON_LIGHT and core.mean() <= 1 - CORE and dark.mean() <= 1 - FILLED:
        paper = lowest
    else:
        return grey
    room = height // AROUND
    return cast("Grey", cv2.copyMakeBorder(grey, room, room, room, room, cv2.BORDER_CONSTANT, value=paper))


def with_paper_around_blot(grey: Grey, polarity: Polarity) -> Grey | None:
    """``grey``, in which no digit was found, with paper around it where plain ink fills most of its middle; else None.

    Such ink is wider than any stroke, as of a 1 that was stretched. Of an empty box only the sides are ink.
    """
    if polarity is Polarity.AUTO:
        polarity = polarity_of(grey if max(grey.shape) <= SMALL else _small(grey))
    light = grey if polarity is Polarity.LIGHT_ON_DARK else np.invert(grey)
    _, mask = cv2.threshold(_small(light), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    small, ink = _small(light), mask > 0
    if ink.mean() > 1 - BLOT or ink[QUARTER:-QUARTER, QUARTER:-QUARTER].mean() < FILLED:
        return None
    # grain and shade have all levels between the two
    between = small[ink].mean() - small[~ink].mean()
    if between < BLOT_CONTRAST or max(small[ink].std(), small[~ink].std()) > APART * between:
        return None
    paper = int(grey.max() if polarity is Polarity.DARK_ON_LIGHT else grey.min())
    height, width = grey.shape
    return cast("Grey", cv2.copyMakeBorder(grey, height, height, width, width, cv2.BORDER_CONSTANT, value=paper))


def _small(picture: Grey) -> Grey:
    return cast("Grey", cv2.resize(picture, (SMALL, SMALL), interpolation=cv2.INTER_AREA))
