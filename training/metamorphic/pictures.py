"""Where paper and ink are in a picture, and what changes of its pixels have in common."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

INK_STARTS = 0.35
"""Share of the way from paper to the darkest ink at which a pixel counts as ink when a picture is cut."""
PAPER_AT = 0.75
LEAST_CONTRAST = 20
"""Grey levels between paper and ink of a picture that can be cut by its ink."""


class Box(NamedTuple):
    """``right`` and ``bottom`` are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top


def paper_of(picture: Grey) -> int:
    """The grey level of the paper, which is most of a picture with its margins: a quarter of the pixels is lighter."""
    counts = np.bincount(picture.ravel(), minlength=256)
    return int(np.searchsorted(np.cumsum(counts), PAPER_AT * picture.size))


def ink_mask(picture: Grey) -> Grey | None:
    """255 where the ink is, by threshold alone, else 0; None where nothing is as dark as ink."""
    paper, ink = paper_of(picture), int(picture.min())
    if paper - ink < LEAST_CONTRAST:
        return None
    return grey(255 * (picture < paper - INK_STARTS * (paper - ink)))


def ink_box(picture: Grey) -> Box | None:
    """The box of all ink; None where there is none, or where it touches the edge and may have been cut off."""
    mask = ink_mask(picture)
    if mask is None:
        return None
    left, top, width, height = cv2.boundingRect(mask)
    box = Box(left, top, left + width, top + height)
    inside = left > 0 and top > 0 and box.right < picture.shape[1] and box.bottom < picture.shape[0]
    return box if inside else None


def pen_width(picture: Grey) -> float:
    """Pixels across the strokes, roughly."""
    mask = ink_mask(picture)
    if mask is None:
        return 1.0
    depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    return max(1.0, 2 * float(np.percentile(depth[depth > 0], 85)))


def cut_to(picture: Grey, box: Box, margins: tuple[int, int, int, int]) -> Grey:
    """``box`` and so many pixels more at its left, top, right and bottom, where the picture has them."""
    left, top, right, bottom = margins
    rows = slice(max(0, box.top - top), box.bottom + bottom)
    return picture[rows, max(0, box.left - left) : box.right + right]


def padded(picture: Grey, margins: tuple[int, int, int, int], paper: int | None = None) -> Grey:
    """The picture on more of its paper, or of ``paper``, so many pixels at its left, top, right and bottom."""
    left, top, right, bottom = margins
    ground = paper_of(picture) if paper is None else paper
    return np.pad(picture, ((top, bottom), (left, right)), constant_values=ground)


def four(least: int, most: int, random: Generator) -> tuple[int, int, int, int]:
    """Margins of ``least`` to ``most`` pixels."""
    left, top, right, bottom = random.integers(least, most + 1, 4).tolist()
    return left, top, right, bottom


def grey(values: object) -> Grey:
    """``values`` cut off at 0 and 255, as uint8."""
    rounded: NDArray[np.uint8] = np.clip(np.rint(np.asarray(values)), 0, 255).astype(np.uint8)
    return rounded
