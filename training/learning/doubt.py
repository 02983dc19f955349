"""How far a doubtful cut lowers a confidence: measured on scans whose digits may lack a part.

The normaliser says of a picture that its cut is doubtful (``digitmill.imaging.normaliser``). A model may be
sure of such a picture and wrong, since what tells two digits apart lies outside. Its manifest says how often that is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise_with_quality
from training.drawn.ink import enlarged, written
from training.drawn.scan import Scan, scan
from training.non_digits import kinds
from training.pictures.data import CLASSES, Digits
from training.pictures.kinds import OTHER
from training.shapes import european

Picture = NDArray[np.uint8]

DRAWINGS = 4
"""Scans of each digit: one in seven is doubtful."""
TRIMMED, DEEPEST = 0.3, 0.1
"""Of the scans so many have lost up to this share of one side, as crops do that were set by hand."""
EMPTY = 0.15
"""Empty boxes and papers for each scan of a digit."""
DOUBT_SEED = 4_000_003


def fit_doubtful_cut(
    predict: Callable[[Picture], NDArray[np.float32]], digits: Digits, review_below: float, seed: int
) -> float:
    """The share of doubtful pictures read right among those that would be accepted, 0 to 1, rounded to 4 digits.

    One right and one wrong picture are added to what was counted (Laplace's rule of succession), so that few pictures
    prove little.

    Args:
        predict: calibrated probabilities float32 [n, classes] for uint8 [n, 28, 28].
        digits: held out from training.
        review_below: the threshold of the model.
    """
    random = np.random.default_rng((seed, DOUBT_SEED))
    pictures, labels = (
        np.concatenate(parts) for parts in zip(_scans(digits, random), _empty(digits, random), strict=True)
    )
    if not len(labels):
        return 1.0
    probabilities = predict(pictures)
    answers = probabilities.argmax(axis=1)
    accepted = (answers < len(CLASSES)) & (probabilities.max(axis=1) >= review_below)
    return worth(int(np.count_nonzero(accepted & (answers == labels))), int(np.count_nonzero(accepted)))


def worth(right: int, accepted: int) -> float:
    """The share of the ``accepted`` doubtful pictures that are ``right``, as ``fit_doubtful_cut`` counts it."""
    return round((right + 1) / (accepted + 2), 4)


def _scans(digits: Digits, random: Generator) -> tuple[Picture, NDArray[np.uint8]]:
    """Doubtful pictures of ``digits``, and their labels."""
    found, labels = [], []
    for _ in range(DRAWINGS):
        for image, label in zip(digits.images, digits.labels, strict=True):
            neighbour = partial(enlarged, digits.images[random.integers(len(digits))])
            ink = written(european(enlarged(image), int(label), random), random)
            drawn = _trimmed(scan(ink, random, neighbour), random)
            result = normalise_with_quality(drawn.picture, drawn.polarity)
            if result is not None and result.doubtful:
                found.append(result.picture)
                labels.append(label)
    return np.array(found, np.uint8).reshape(-1, 28, 28), np.array(labels, np.uint8)


def _empty(digits: Digits, random: Generator) -> tuple[Picture, NDArray[np.uint8]]:
    """Doubtful pictures of boxes and papers without a digit, in which print or a shadow was found."""
    scanned = [kind for kind in kinds(digits) if kind.scanned]
    found = []
    for number in range(round(EMPTY * DRAWINGS * len(digits))):
        result = normalise_with_quality(scanned[number % len(scanned)].draw(random), Polarity.DARK_ON_LIGHT)
        if result is not None and result.doubtful:
            found.append(result.picture)
    return np.array(found, np.uint8).reshape(-1, 28, 28), np.full(len(found), OTHER, np.uint8)


def _trimmed(drawn: Scan, random: Generator) -> Scan:
    if random.random() >= TRIMMED:
        return drawn
    side = int(random.integers(4))
    turned = np.rot90(drawn.picture, side)
    lost = round(turned.shape[0] * random.uniform(0, DEEPEST))
    return Scan(np.ascontiguousarray(np.rot90(turned[lost:], -side)), drawn.polarity)
