"""Digits drawn again for each epoch: a share bent a little, the others as scans brought back by the normaliser.

A scan goes through ``digitmill.imaging.normaliser``, so that the model meets in training what it meets at work.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.imaging.normaliser.normalise import normalise
from training.drawn.ink import bent, enlarged, written
from training.drawn.likeness import likeness
from training.drawn.scan import scan
from training.pictures.data import Digits
from training.shapes import european

Picture = NDArray[np.uint8]


LEGIBLE = 0.6
"""Of a scan to its drawing, as a likeness. In nearly half of those below it a part of the digit was cut
off, or dirt and lines have taken its place: their labels would teach chance, and put the threshold where
chance is."""


def augment(digits: Digits, seed: tuple[int, ...], scan_share: float) -> Digits:
    """New pictures of the same digits in the same order; the same ``seed`` gives the same pictures.

    Args:
        scan_share: how many, 0 to 1, are drawn as scans; the others are bent a little.
    """
    random = np.random.default_rng(seed)
    images = np.empty_like(digits.images)
    for row, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        if random.random() < scan_share:
            neighbour = digits.images[random.integers(len(digits))]
            images[row] = scanned(image, int(label), neighbour, random)
        else:
            images[row] = bent(image, random)
    return Digits(images, digits.labels)


def scanned(image: Picture, label: int, neighbour: Picture, random: Generator) -> Picture:
    """``image`` [28, 28] of the digit ``label`` as written by some hand, scanned, cut out and normalised.

    Pieces of ``neighbour`` [28, 28] may reach into the crop. An image whose digit is lost on the way is returned
    as it came.
    """
    ink = written(european(enlarged(image), label, random), random)
    drawn = scan(ink, random, lambda: enlarged(neighbour))
    result = normalise(drawn.picture, drawn.polarity)
    return image if result is None or likeness(result, ink) < LEGIBLE else result
