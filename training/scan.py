"""Ink drawn as scanners see it: written with some pen on some paper, on a form or not, scanned and cut out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain import Polarity
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


def scan(ink: Picture, random: Generator, neighbour: Callable[[], Picture] | None = None) -> Scan:
    """``ink`` as some scanner gives it back.

    Args:
        ink: uint8 [height, width], light ink on 0, about 64 pixels high, with space around it.
        neighbour: draws another ink picture whose strokes may reach into the crop.
    """
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
    if random.random() < DARK_SHARE:
        return Scan(picture, Polarity.DARK_ON_LIGHT)
    return Scan(np.invert(picture), Polarity.LIGHT_ON_DARK)
