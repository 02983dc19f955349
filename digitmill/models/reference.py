"""The reference pictures, which ship with the service: every model that is published is measured on the same ones.

``reference_set/LICENCES.md`` says where they come from; ``python -m training.measuring.reference`` makes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS, KINDS
from digitmill.models.manifest import NONE

FILE = Path(__file__).parent / "reference_set" / "pictures.npz"
FIT = "fit"
"""The part that temperature and threshold are found on; no figure is of it."""
NON_DIGITS = "non_digits"
LAYOUTS = {10: (), 11: (NONE,), 10 + len(KINDS): KINDS}
"""What the classes behind the digits stand for, by the number of outputs."""


@dataclass(frozen=True)
class Part:
    """``images`` uint8 [n, 28, 28], light ink on 0; ``own`` [n], 0 to 9 for a digit, 10 + k for the kind k."""

    images: NDArray[np.uint8]
    own: NDArray[np.intp]

    def of(self, classes: int) -> NDArray[np.intp]:
        """The class of each picture for a model of so many: [n]. One of ten has none for what is no digit."""
        return np.minimum(self.own, len(DIGITS)) if classes <= len(DIGITS) + 1 else self.own


def load_reference() -> dict[str, Part]:
    """The parts by their names, ``FIT`` and ``NON_DIGITS`` among them; the others are of digits alone."""
    with np.load(FILE, allow_pickle=False) as arrays:
        names = [name.removesuffix("_images") for name in arrays.files if name.endswith("_images")]
        return {name: Part(arrays[f"{name}_images"], arrays[f"{name}_own"].astype(np.intp)) for name in names}


def targets(own: NDArray[np.intp], classes: int) -> NDArray[np.float32]:
    """What a model of so many classes should answer to pictures of these: float32 [n, classes]."""
    return np.eye(classes, dtype=np.float32)[own]
