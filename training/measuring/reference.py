"""Make the reference pictures on which every model is measured that is published through the service.

Of sources whose licences let them be passed on, and of digits that no training here learns from: held-out writers and
MNIST's test part. Temperature and threshold are found on drawn scans of UNIPEN's, optdigits' and semeion's digits,
for whoever trains a network of their own has mostly seen MNIST's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from digitmill.models.reference import FILE, FIT, NON_DIGITS
from digitmill.settings import Settings
from training.drawn.augment import augment
from training.non_digits import non_digits
from training.pictures.data import MNIST, UNIPEN, Digits, Source, joined, load_sources
from training.pictures.kinds import classes_of_labels
from training.pictures.pen_sources import pen_sources

SEED = 20_261
FIT_DRAWINGS, FIT_OTHERS = 2, 400
PLAIN = {MNIST: 1000, UNIPEN: 400, "optdigits": 180, "semeion": 160}
"""Pictures of each source as they are."""
DRAWN, OTHERS = 800, 400


def make_reference(sources: Mapping[str, Source], file: Path) -> None:
    """Write the parts to ``file``, an .npz; the same sources give the same pictures."""
    pens = joined([_kept(sources[name].validation.digits, 600) for name in (UNIPEN, "optdigits", "semeion")])
    plain = {name: _kept(_unseen(sources[name]), most) for name, most in PLAIN.items()}
    parts = {
        FIT: joined(
            [augment(pens, (SEED, drawing), 1.0) for drawing in range(FIT_DRAWINGS)]
            + [non_digits(pens, FIT_OTHERS, (SEED, 100))]
        ),
        **plain,
        "drawn": augment(_kept(joined(list(plain.values())), DRAWN), (SEED, 200), 1.0),
        NON_DIGITS: non_digits(joined(list(plain.values())), OTHERS, (SEED, 300)),
    }
    arrays: dict[str, Any] = {}
    for name, part in parts.items():
        arrays[f"{name}_images"] = part.images
        arrays[f"{name}_own"] = classes_of_labels(part.labels).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(file, **arrays)


def _unseen(source: Source) -> Digits:
    """Its test part, or where it has none what is held out."""
    return (source.validation if source.test is None else source.test).digits


def _kept(digits: Digits, most: int) -> Digits:
    """At most so many, spread over all of them."""
    return digits[np.linspace(0, len(digits) - 1, min(most, len(digits))).astype(np.intp)]


def main() -> int:
    """``python -m training.measuring.reference``, with the data folder in DIGITMILL_DATA."""
    data = Settings.load().data
    found = [*load_sources(data, 1, tuple(PLAIN)), *pen_sources(data, 1, (UNIPEN,))]
    make_reference({source.name: source for source in found}, FILE)
    sys.stdout.write(f"{FILE} has {FILE.stat().st_size:,} bytes.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
