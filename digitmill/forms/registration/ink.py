"""A scan at the size that registration works at: its ink, free of shadows, and how its pixels relate to the scan's."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats

Grey = NDArray[np.uint8]

WORK_DPI = 100.0
"""A box of 5 mm is 20 pixels wide at this: a quarter of it is 5, and half a pixel is easy to tell."""
PAPER = 15
"""Pixels at WORK_DPI around a point whose brightest is the paper: wider than a pen's stroke or a bold title's."""
DARKEST = 60
"""Grey level of paper in shadow; a desk or the lid of a scanner is darker, and what it has is no ink."""
LEAST_CONTRAST = 40.0
"""Grey levels from ink to paper on a faint page; what is fainter stays faint."""


def resized(grey: Grey, factor: float) -> tuple[Grey, Floats]:
    """The picture ``factor`` times as large, and the homography float[3, 3] from it back to ``grey``."""
    height, width = grey.shape
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)
    across, down = width / size[0], height / size[1]
    back = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    return small, back


def ink_of(grey: Grey) -> Grey:
    """uint8 [height, width]: 0 for paper, 255 for the page's darkest ink, whatever light fell on it."""
    paper = cv2.blur(cv2.dilate(grey, np.ones((PAPER, PAPER), np.uint8)), (PAPER, PAPER))
    darker = cv2.subtract(paper, grey)
    relative = np.asarray(cv2.divide(darker, np.maximum(paper, DARKEST), scale=255))
    strongest = max(float(np.percentile(relative[::4, ::4], 99.5)), LEAST_CONTRAST)
    return np.asarray(cv2.convertScaleAbs(relative, alpha=255 / strongest), np.uint8)
