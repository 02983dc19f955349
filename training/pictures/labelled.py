"""Labelled pictures on their way into a data set: what becomes of each, and why some are left out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import normalise
from training.pictures.data import CLASSES, NOT_A_DIGIT, Digits

Picture = NDArray[np.uint8]

LABELS = (*CLASSES, NOT_A_DIGIT)
NO_INK = "no ink"
TWICE = "the same picture as another"
UNLIKE = "the same picture as another, with another label"


@dataclass(frozen=True)
class Item:
    """One picture of a source: grey [height, width], or the reason why it cannot be read.

    ``test`` says that the source sets it apart for testing, ``prepared`` that it went through the normaliser;
    ``uploaded`` is the name under which it came to the service, where that is known.
    """

    name: str
    label: str
    picture: Picture | str
    test: bool = False
    prepared: bool = False
    uploaded: str = ""


@dataclass(frozen=True)
class Labelled:
    """The pictures of a source after the normaliser, in its order; ``test`` bool [n] marks its own test part.

    ``left_out`` gives the names of the pictures that were left out, by reason.
    """

    digits: Digits
    test: NDArray[np.bool_]
    left_out: dict[str, list[str]] = field(default_factory=dict)


def collect(items: Iterable[Item], polarity: Polarity, source: str) -> Labelled:
    """Bring ``items`` to MNIST's form. Of equal pictures the first is kept, so that no split can part them.

    Sources give their own test part first, which therefore stays whole.

    Raises:
        TrainingError: nothing is left.
    """
    pictures: list[Picture] = []
    labels: list[int] = []
    test: list[bool] = []
    left_out: dict[str, list[str]] = {}
    seen: dict[bytes, str] = {}
    for item in items:
        picture = _normalised(item, polarity)
        reason = picture if isinstance(picture, str) else _doubled(picture.tobytes(), item.label, seen)
        if isinstance(picture, str) or reason:
            left_out.setdefault(str(reason), []).append(item.name)
            continue
        pictures.append(picture)
        labels.append(LABELS.index(item.label))
        test.append(item.test)
    if not pictures:
        reasons = "; ".join(f"{len(names):,} {reason}" for reason, names in left_out.items()) or "it is empty"
        raise TrainingError(f"{source} has no digit to learn from: {reasons}.")
    digits = Digits(np.stack(pictures), np.array(labels, np.uint8))
    return Labelled(digits, np.array(test, bool), left_out)


def _normalised(item: Item, polarity: Polarity) -> Picture | str:
    """The picture uint8 [28, 28], or why it is left out."""
    if isinstance(item.picture, str):
        return item.picture
    if item.label not in LABELS:
        return f"the label {item.label[:20]!r} is no digit"
    if item.prepared:
        return item.picture
    picture = normalise(item.picture, polarity)
    return NO_INK if picture is None else picture


def _doubled(picture: bytes, label: str, seen: dict[bytes, str]) -> str:
    """Why a picture that was ``seen`` before is left out, or nothing; notes the others with their labels."""
    if picture not in seen:
        seen[picture] = label
        return ""
    return TWICE if seen[picture] == label else UNLIKE
