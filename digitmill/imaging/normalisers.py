"""Every version of the normaliser that this release holds.

A model sees its pictures as those were that it was trained with: its manifest names the version. An open job is so
finished by the normaliser that it began with, whatever a newer release brings.

Before the current version is changed, its modules are copied to a package of their own, as ``v3`` was, and named here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digitmill.domain import Polarity
from digitmill.imaging import normalise as current
from digitmill.imaging.v3 import normalise as v3

Grey = NDArray[np.uint8]
Normaliser = Callable[[Grey, Polarity], Grey | None]
"""Brings a grey uint8 [height, width] to the uint8 [28, 28] that a model reads; None where there is no ink."""

_HELD: dict[int, Normaliser] = {3: v3.normalise, current.NORMALISER_VERSION: current.normalise}


def held_versions() -> tuple[int, ...]:
    """The versions at hand, oldest first."""
    return tuple(sorted(_HELD))


def normaliser_of(version: int) -> Normaliser:
    """Version ``version`` of the normaliser. Raises KeyError where this release does not hold it."""
    return _HELD[version]
