"""Ink drawn as scanners see it: written with some pen on some paper, on a form or not, scanned and cut out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from training.scans.boxes import with_form
from training.scans.crops import cut_out, with_neighbours, with_stop
from training.scans.papers import on_paper
from training.scans.pens import strokes, textured
from training.scans.scanner import digitised, resized, resolution

Picture = NDArray[np.uint8]

DARK_SHARE = 0.8
"""Paper is scanned as it is; negatives and blackboards are rare."""
FORM_SHARE = 0.35
"""Digits come from forms more often than from free paper, and half the forms' lines fall outside the crop."""
NEIGHBOUR_SHARE = 0.18
"""Most crops are of one digit; people who write numbers let their strokes overlap."""
STOP_SHARE = 0.05
"""Registers have a full stop behind a number, and amounts a comma."""
BILEVEL_SHARE = 0.15
"""Archives and fax machines keep black and white alone."""


@dataclass(frozen=True)
class Scan:
    """A grey picture as a scanner gives it.

    Attributes:
        picture: uint8 [height, width], 0 black to 255 white.
        polarity: as it was drawn, DARK_ON_LIGHT or LIGHT_ON_DARK.
    """

    picture: Picture
    polarity: Polarity


CLEAN, BROAD = 0.08, 0.5
"""Drawing programs and tablets give black on white without any noise, half of them with a broad pen."""
PENCIL = 0.03
"""Hard pencil on calm paper: 8 to 25 grey levels of contrast."""
SQUARED, LONGEST_SIDE = 0.06, 1.6
"""Crops that a program made 28x28 however long they were; those above this ratio are brought back to their shape."""


def scan(ink: Picture, random: Generator, neighbour: Callable[[], Picture] | None = None) -> Scan:
    """``ink`` as some scanner gives it back.

    Args:
        ink: uint8 [height, width], light ink on 0, about 64 pixels high, with space around it.
        neighbour: draws another ink picture whose strokes may reach into the crop.
    """
    plain = random.random()
    if plain < CLEAN + PENCIL:
        return Scan(_plain(ink, random, faint=plain >= CLEAN), Polarity.DARK_ON_LIGHT)
    bilevel = random.random() < BILEVEL_SHARE
    crop, height = cut_out(strokes(ink, random), random)
    crop = textured(crop, random)
    if neighbour is not None and random.random() < NEIGHBOUR_SHARE:
        crop = with_neighbours(crop, neighbour, random)
    if random.random() < STOP_SHARE:
        crop = with_stop(crop, random)
    if random.random() < FORM_SHARE:
        crop = with_form(crop, random)
    scale = resolution(height, max(crop.shape), random, bilevel=bilevel)
    sheet = on_paper(resized(crop, scale), random, shaded=not bilevel)
    picture = digitised(sheet, height * scale, random, bilevel=bilevel)
    if random.random() < SQUARED:
        picture = _squared(picture)
    if random.random() < DARK_SHARE:
        return Scan(picture, Polarity.DARK_ON_LIGHT)
    return Scan(np.invert(picture), Polarity.LIGHT_ON_DARK)


def _plain(ink: Picture, random: Generator, *, faint: bool) -> Picture:
    """Ink on even paper: black on white without noise, or ``faint`` as pencil is, with the noise of a quiet sensor."""
    if not faint and random.random() < BROAD:
        ink = np.asarray(cv2.dilate(ink, np.ones((3, 3), np.uint8)), np.uint8)
    crop, height = cut_out(ink, random)
    small = resized(crop, resolution(height, max(crop.shape), random, bilevel=False))
    if not faint:
        return np.invert(small)
    grey = random.uniform(200, 250) - small * (random.uniform(8, 25) / 255)
    return np.asarray(np.rint(grey + random.normal(0, random.uniform(0, 0.5), small.shape)), np.uint8)


def _squared(picture: Picture) -> Picture:
    """``picture`` made 28x28, and back to its shape where it was long."""
    height, width = picture.shape
    square = cv2.resize(picture, (28, 28), interpolation=cv2.INTER_AREA)
    if max(height, width) <= LONGEST_SIDE * min(height, width):
        return np.asarray(square, np.uint8)
    return np.asarray(cv2.resize(square, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
