"""Ink on paper, in grey levels: tones, shadows, and what is printed on security paper."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.scans.tables import ghosts, patterns, piece

Picture = NDArray[np.uint8]
Grey = NDArray[np.float32]

FAINT, PALE = 0.08, 0.17
"""Hard pencils and dropped-out print leave 25 to 60 grey levels between ink and paper, tired pens 60 to 110."""
WHITE, LIGHT_GREY = 0.5, 0.3
"""Office paper is white; recycled paper and dull scans are light grey; cheques and coloured forms are darker."""
PATTERNED = 0.3
"""Cheques have patterned paper; so do few others."""
GHOSTLY = 0.1
"""Thin paper shows its back, a form its watermark."""
SHADED, EDGED, VIGNETTED = 0.2, 0.06, 0.06
"""Photographs and open lids give gradients; a fold, a finger or a book's spine a sharp edge."""
CALM_CONTRAST = 100.0
"""Grey levels: fainter ink has paler shadows, or nobody could read it."""
STRONGEST_PATTERN = 0.38
"""Contrast of a pattern by that of the ink: above it people, too, look twice."""


@dataclass(frozen=True)
class Sheet:
    """Ink on paper.

    Attributes:
        grey: float32 [height, width], 0 black to 255 white.
        paper: tone of the bare paper.
        contrast: mean grey levels from the paper to the ink, low where a coarse scan makes thin strokes pale.
    """

    grey: Grey
    paper: float
    contrast: float


def on_paper(ink: Picture, random: Generator, *, shaded: bool) -> Sheet:
    """The digit ``ink``, uint8 [height, width], light on 0, on some paper; ``shaded`` if shadows may fall on it."""
    level = _paper_level(random)
    darkest = min(_contrast(random), 0.94 * level)
    contrast = darkest * max(0.1, cv2.mean(ink, cv2.threshold(ink, 40, 255, cv2.THRESH_BINARY)[1])[0] / 255)
    paper: Grey = np.full(ink.shape, level, np.float32)
    if random.random() < PATTERNED:
        strength = contrast * random.uniform(0.06, STRONGEST_PATTERN)
        paper = _printed(paper, piece(patterns(), ink.shape, random), strength)
    if random.random() < GHOSTLY:
        strength = contrast * random.uniform(0.06, STRONGEST_PATTERN)
        paper = _printed(paper, piece(ghosts(), ink.shape, random), strength)
    if shaded:
        _shade(paper, min(1.0, darkest / CALM_CONTRAST), random)
    light = cv2.convertScaleAbs(ink, alpha=-darkest / level, beta=255.0)
    grey = np.asarray(cv2.multiply(paper, light, scale=1 / 255, dtype=cv2.CV_32F), np.float32)
    return Sheet(grey, level, contrast)


def _printed(paper: Grey, pattern: Picture, strength: float) -> Grey:
    return np.asarray(cv2.addWeighted(paper, 1, pattern, -strength / 255, 0, dtype=cv2.CV_32F), np.float32)


def _paper_level(random: Generator) -> float:
    draw = random.random()
    if draw < WHITE:
        return random.uniform(225, 255)
    return random.uniform(175, 225) if draw < WHITE + LIGHT_GREY else random.uniform(115, 180)


def _contrast(random: Generator) -> float:
    draw = random.random()
    if draw < FAINT:
        return random.uniform(25, 60)
    return random.uniform(60, 110) if draw < FAINT + PALE else random.uniform(110, 235)


def _shade(paper: Grey, strength: float, random: Generator) -> None:
    """Darken a part of the paper in place, by up to 45 in a hundred at a ``strength`` of 1."""
    draw = random.random()
    if draw > SHADED + EDGED + VIGNETTED:
        return
    height, width = paper.shape
    corners = random.uniform(-1, 1, (2, 2)).astype(np.float32)
    slope = np.asarray(cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    depth = strength * random.uniform(0.1, 0.45)
    if draw > SHADED + EDGED:
        rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) + random.uniform(-0.5, 0.5) for side in paper.shape)
        paper *= 1 - depth * np.minimum(np.add.outer(rows**2, columns**2) / 2, 1).astype(np.float32)
    elif draw < SHADED:
        paper *= 1 - depth / 2 + slope * (depth / 2)
    else:
        paper *= 1 - depth * np.clip((slope - random.uniform(-0.3, 0.3)) * random.uniform(4, 30), 0, 1)
