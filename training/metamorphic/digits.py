"""The digits at hand as raw grey pictures at the size of scans, with paper around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.errors import TrainingError

Grey = NDArray[np.uint8]

LEAST_SIDE, MOST_SIDE = 64, 110
"""Pixels of the longer side of a digit's picture once it is enlarged, before paper is laid around it."""
PAPER_AROUND = 14
"""Pixels of paper laid around what is enlarged: more than the widest cut leaves."""


@dataclass(frozen=True)
class Digit:
    """``picture`` uint8 [height, width], dark ink on light paper; ``label`` 0 to 9; ``name`` tells it from others."""

    source: str
    name: str
    label: int
    picture: Grey


def digits_of(data: Path, most: int, random: Generator) -> list[Digit]:
    """Up to ``most`` digits of every set in the folder ``data``.

    Raises:
        TrainingError: a set is there and cannot be read, or there is none.
    """
    found = [digit for source in (_mnist, _small_sets) for digit in source(data, most, random)]
    if not found:
        raise TrainingError(
            f"{data} holds none of the sets of digits. Point DIGITMILL_DATA at a folder with mnist.npz."
        )
    return found


def _mnist(data: Path, most: int, random: Generator) -> Iterator[Digit]:
    path = data / "mnist.npz"
    if path.is_file():
        with np.load(path) as arrays:
            yield from _enlarged_all("mnist", arrays["x_test"], arrays["y_test"], most, random)


def _small_sets(data: Path, most: int, random: Generator) -> Iterator[Digit]:
    for name, file in (("usps", "usps_train.npz"), ("optdigits", "optdigits32.npz")):
        path = data / "digits" / file
        if path.is_file():
            with np.load(path) as arrays:
                yield from _enlarged_all(name, arrays["images"], arrays["labels"], most, random)


def _enlarged_all(
    source: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], most: int, random: Generator
) -> Iterator[Digit]:
    for row in random.permutation(len(labels))[:most].tolist():
        yield Digit(source, f"{source} {row}", int(labels[row]), enlarged(images[row], random))


def enlarged(light: Grey, random: Generator) -> Grey:
    """A small picture of light ink on 0, as a scan of dark ink on light paper with paper around it."""
    side = int(random.integers(LEAST_SIDE, MOST_SIDE + 1))
    scale = side / max(light.shape)
    padded = np.pad(light, 2)
    smooth = cv2.resize(padded, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    paper, ink = int(random.integers(215, 256)), int(random.integers(10, 80))
    grey = np.rint(paper - smooth.astype(np.float32) * ((paper - ink) / 255)).astype(np.uint8)
    return np.pad(grey, PAPER_AROUND, constant_values=paper)
