"""Labelled pictures of an owner's own scans, as the service would give them to a model."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.bar import with_paper_around
from digitmill.imaging.normaliser.normalisers import Normaliser
from training.pictures.kinds import KINDS, label_of
from training.pictures.labelled import LABELS, NO_INK, TWICE, UNLIKE, Item
from training.pictures.same_scan import scans_of
from training.pictures.sources import items_of

FEWEST = 50
"""Pictures: of fewer there is nothing to learn."""


@dataclass(frozen=True)
class Own:
    """``images`` uint8 [n, 28, 28]; ``doubtful`` bool [n], whose cut may lack a part of the digit; ``labels`` uint8 [n]
    as in ``training.pictures.kinds``; ``scans`` [n] number the scans. ``left_out`` gives names by the reason."""

    images: NDArray[np.uint8]
    doubtful: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    scans: NDArray[np.intp]
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Own:
        return Own(self.images[chosen], self.doubtful[chosen], self.labels[chosen], self.scans[chosen], self.left_out)


def read_own(paths: Sequence[Path], normaliser: Normaliser, max_pixels: int) -> Own:
    """The pictures of labelled zips, or of any source that ``prepare`` takes; of equal ones the first is kept.

    Raises:
        TrainingError: a source cannot be read, or they hold too few pictures.
    """
    left_out: dict[str, list[str]] = {}
    kept: dict[bytes, tuple[NDArray[np.uint8], bool, Item]] = {}
    for path in paths:
        try:
            for item in items_of(path, max_pixels):
                picture, doubtful = _picture(item, normaliser)
                if isinstance(picture, str):
                    left_out.setdefault(picture, []).append(item.name)
                elif (known := kept.get(picture.tobytes())) is not None:
                    left_out.setdefault(TWICE if known[2].label == item.label else UNLIKE, []).append(item.name)
                else:
                    kept[picture.tobytes()] = picture, doubtful, item
        except (OSError, zipfile.BadZipFile) as error:
            raise TrainingError(f"{path} cannot be read: {error}. Name a labelled.zip.") from error
    if len(kept) < FEWEST:
        named = paths[0] if len(paths) == 1 else f"These {len(paths)} sources together"
        verb = "has" if len(paths) == 1 else "have"
        raise TrainingError(
            f"{named} {verb} {len(kept)} labelled pictures with ink; {FEWEST} are needed, 200 are better."
        )
    pictures, doubtful_cuts, items = zip(*kept.values(), strict=True)
    labels = np.array([_label(item.label) for item in items], np.uint8)
    scans = scans_of([item.uploaded or item.name for item in items])
    return Own(np.stack(pictures), np.array(doubtful_cuts, bool), labels, scans, left_out)


def _picture(item: Item, normaliser: Normaliser) -> tuple[NDArray[np.uint8] | str, bool]:
    """The picture uint8 [28, 28] and whether its cut is doubtful, as in the service; or why it is left out."""
    if isinstance(item.picture, str):
        return item.picture, False
    if item.label not in LABELS and item.label not in KINDS:
        return f"the label {item.label[:20]!r} is none of 0 to 9, blank and none", False
    if item.prepared:
        return item.picture, False
    picture, doubtful = normaliser(with_paper_around(item.picture, Polarity.AUTO), Polarity.AUTO)
    return (NO_INK if picture is None else picture), doubtful


def _label(label: str) -> int:
    if label in KINDS:
        return label_of(label)
    return LABELS.index(label)
