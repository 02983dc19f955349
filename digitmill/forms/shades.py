"""Shade that a form has in its boxes or about them, such as light blue boxes: brought to the level of the paper.

Left as it is, shade would be print all over the box, and a digit in it would be taken for the rim of that print. Ink
lets through a part of the light that its ground gives back, so ground and ink are made lighter by one factor.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

BROAD = 0.25
"""Of a cut's shorter side: what is dark for a shorter stretch is a line or a letter, and no shade."""
PALEST, DARKEST = 0.97, 0.5
"""By the level of paper, between which shade lies. Darker ground is print: no ink is seen on it."""
LEAST = 0.05
"""Share of a cut that has the darkest shade, or the paper, at least: less says nothing of its level."""
GROUND = 0.6
"""Of the pixels of a ground, ordered from dark to light, the one that is its level: strokes are on the darker ones."""
AROUND = 3
"""Pixels around shade that are treated as it is: so far off may a box of a scan lie."""
CLEAR, SHADED = 64, 192
"""Depths up to which a pixel is paper, and from which on it has the darkest shade of its cut."""
NONE = np.zeros((0, 0), np.uint8)
"""Of a cut without shade."""


def shade_of(blank: Grey) -> Grey:
    """How deep the shade of a cut of an empty form is, uint8 of its shape, 0 for paper to 255 for the darkest; or NONE.

    Args:
        blank: uint8 [height, width], 0 black to 255 white.
    """
    side = 2 * round(BROAD * min(blank.shape) / 2) + 1
    ground = cv2.morphologyEx(cv2.blur(blank, (3, 3)), cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    paper = float(ground.max())
    is_shade = (ground < PALEST * paper) & (ground > DARKEST * paper)
    if np.count_nonzero(is_shade) < LEAST * ground.size:
        return NONE
    darkest = np.percentile(ground[is_shade], 100 * LEAST)
    depths = np.clip((paper - ground) * (255 / (paper - darkest)), 0, 255)
    return np.where(ground > DARKEST * paper, depths, 0).astype(np.uint8)


def without_shade(picture: Grey, shade: Grey) -> Grey:
    """A cut of a scan with its shade as light as its paper.

    Args:
        picture: uint8 [height, width], 0 black to 255 white.
        shade: what ``shade_of`` gives for the same cut of the empty form.
    """
    if not shade.size:
        return picture
    paper, shaded = (_level(picture[part]) for part in (shade <= CLEAR, shade >= SHADED))
    if not 0 < shaded < paper:
        return picture
    wide = np.asarray(cv2.dilate(shade, np.ones((2 * AROUND + 1, 2 * AROUND + 1), np.uint8)), np.float32)
    lighter = picture * (1 + wide / 255 * (paper / shaded - 1))
    return np.where(picture < paper, np.minimum(lighter, paper), picture).astype(np.uint8)


def _level(ground: Grey) -> float:
    """The level of paper or shade by its pixels, some of which have ink; 0 where there are none."""
    return float(np.partition(ground, int(GROUND * ground.size))[int(GROUND * ground.size)]) if ground.size else 0.0
