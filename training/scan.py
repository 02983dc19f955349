"""Ink drawn as scanners see it: written with some pen on some paper, scanned and cut out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain import Polarity
from training.forms import cut_out

Picture = NDArray[np.uint8]

FORM_SHARE = 0.5
DARK_SHARE = 0.8


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
    picture = ink
    if random.random() < FORM_SHARE:
        picture = cut_out(picture, neighbour or (lambda: np.zeros_like(ink)), random)
    if random.random() < DARK_SHARE:
        return Scan(np.invert(picture), Polarity.DARK_ON_LIGHT)
    return Scan(picture, Polarity.LIGHT_ON_DARK)
