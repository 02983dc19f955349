"""Every version of the normaliser that this release holds.

A model sees its pictures as those were that it was trained with: its manifest names the version. An open job is so
finished by the normaliser that it began with, whatever a newer release brings.

Before the current version is changed, its modules are copied to a package of their own, as ``v3`` was, and named here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser import normalise as current
from digitmill.imaging.normaliser.v3 import normalise as v3

Grey = NDArray[np.uint8]
Normaliser = Callable[[Grey, Polarity], tuple[Grey | None, bool]]
"""Brings a grey uint8 [height, width] to the uint8 [28, 28] that a model reads, None where there is no ink; and says
whether the cut is doubtful: the picture may lack a part of the digit, or ink near the digit was taken out."""


def _never_doubtful(normalise: Callable[[Grey, Polarity], Grey | None]) -> Normaliser:
    """For a version that does not look at how the picture was cut."""

    def trusted(grey: Grey, polarity: Polarity) -> tuple[Grey | None, bool]:
        return normalise(grey, polarity), False

    return trusted


def normalise_with_quality(grey: Grey, polarity: Polarity) -> tuple[Grey | None, bool]:
    """The newest version."""
    found = current.normalise_with_quality(grey, polarity)
    return (None, False) if found is None else found


_HELD: dict[int, Normaliser] = {
    3: _never_doubtful(v3.normalise),
    current.NORMALISER_VERSION: normalise_with_quality,
}


def held_versions() -> tuple[int, ...]:
    """The versions at hand, oldest first."""
    return tuple(sorted(_HELD))


def normaliser_of(version: int) -> Normaliser:
    """Version ``version`` of the normaliser. Raises KeyError where this release does not hold it."""
    return _HELD[version]
