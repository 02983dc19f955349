"""The training data: MNIST and, where present, other sets of digits, split and brought to MNIST's form.

``DIGITMILL_DATA`` names a folder with ``mnist.npz`` and optionally ``digits/*.npz`` and what pen_sources.py reads.
Without it MNIST is downloaded by Keras and the other sets are left out.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import normalise
from training.pictures.mislabelled import mislabelled

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]

CLASSES = tuple(DIGITS)
NOT_A_DIGIT = "none"
"""The class after the ten digits, and the label of a picture without a digit in it."""
MNIST = "mnist"
MNIST_LICENCE = "CC BY-SA 3.0"
MNIST_SHAPES = {
    "x_train": (60_000, 28, 28),
    "y_train": (60_000,),
    "x_test": (10_000, 28, 28),
    "y_test": (10_000,),
}
MNIST_HELD_OUT = 12
"""One in so many of the 60,000 is held out: 5,000."""
EXTRA_HELD_OUT = 10
MARGIN = 4
"""Pixels of black laid around the other sets, whose digits touch the edges."""
NATURAL_WIDTH = 0.7
"""Typical width of a digit by its height, to undo the stretching of a set to squares."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Digits:
    """``images`` uint8 [n, 28, 28] in MNIST's form, light ink on 0; ``labels`` uint8 [n], 0 to 9, 10 for no digit."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> Digits:
        return Digits(self.images[rows], self.labels[rows])

    @property
    def digits(self) -> Digits:
        """Those that are digits."""
        return self[np.flatnonzero(self.labels < len(CLASSES))]

    @property
    def others(self) -> Images:
        """The pictures of no digit."""
        return self.images[self.labels >= len(CLASSES)]


NO_DIGITS = Digits(np.empty((0, 28, 28), np.uint8), np.empty(0, np.uint8))


@dataclass(frozen=True)
class Source:
    """One data set, split. ``test`` is for the final figure only; None where there is no test set.

    A set that is kept for testing alone has no training and no validation images.
    """

    name: str
    licence: str
    training: Digits
    validation: Digits
    test: Digits | None = None


@dataclass(frozen=True)
class _Extra:
    name: str
    file: str
    licence: str
    stretched: bool = False


EXTRAS = (
    _Extra("usps", "usps_train.npz", "no licence stated; US Postal Service, by way of LeCun et al. 1989"),
    _Extra("optdigits", "optdigits32.npz", "CC BY 4.0 (UCI Machine Learning Repository)"),
    _Extra("semeion", "semeion.npz", "CC BY 4.0 (UCI Machine Learning Repository)", stretched=True),
)
PENDIGITS = "pendigits"
UNIPEN = "unipen"
DATA_SETS = (MNIST, *(extra.name for extra in EXTRAS), PENDIGITS, UNIPEN)


def load_sources(data: Path | None, seed: int, names: Collection[str] = DATA_SETS) -> tuple[Source, ...]:
    """MNIST and those pictures of ``names`` that are present, split the same way for the same ``seed``.

    Raises:
        TrainingError: an array is missing, misshapen, or of another type.
    """
    sources = [_mnist(data, seed)]
    for extra in (extra for extra in EXTRAS if extra.name in names):
        path = data / "digits" / extra.file if data is not None else None
        if path is None or not path.is_file():
            warn_of_missing(extra.name)
            continue
        sources.append(_split_extra(extra, path, seed))
    return tuple(sources)


def warn_of_missing(name: str) -> None:
    _log.warning("The data set %s is not in the data folder; training goes on without it.", name)


def kept_for_testing(source: Source) -> Source:
    """``source`` with all of its digits in its test part."""
    parts = [source.training, source.validation, *([source.test] if source.test is not None else [])]
    return Source(source.name, source.licence, NO_DIGITS, NO_DIGITS, joined(parts))


def joined(parts: list[Digits]) -> Digits:
    return Digits(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


def split(digits: Digits, one_in: int, seed: int, name: str = "") -> tuple[Digits, Digits]:
    """(training, validation), with one in ``one_in`` of every class held out, chosen by ``seed``.

    Neither has what is known to be mislabelled in the data set ``name``.
    """
    training, validation = split_rows(digits, one_in, seed, name)
    return digits[training], digits[validation]


def split_rows(digits: Digits, one_in: int, seed: int, name: str) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of both parts of ``split``."""
    order = np.random.default_rng(seed).permutation(len(digits))
    order = order[np.argsort(digits.labels[order], kind="stable")]
    held_out = np.zeros(len(digits), bool)
    held_out[order[::one_in]] = True
    sound = ~mislabelled(name, digits.labels)
    return np.flatnonzero(~held_out & sound), np.flatnonzero(held_out & sound)


def _mnist(data: Path | None, seed: int) -> Source:
    arrays = _read(data / "mnist.npz") if data is not None else _download()
    for name, shape in MNIST_SHAPES.items():
        _check(arrays, name, shape, "MNIST")
    kept = Digits(normalised(arrays["x_train"], Polarity.LIGHT_ON_DARK), arrays["y_train"])
    training, validation = split(kept, MNIST_HELD_OUT, seed, MNIST)
    test = Digits(normalised(arrays["x_test"], Polarity.LIGHT_ON_DARK), arrays["y_test"])
    return Source(MNIST, MNIST_LICENCE, training, validation, test)


def _split_extra(extra: _Extra, path: Path, seed: int) -> Source:
    arrays = _read(path)
    images, labels = (_present(arrays, name, str(path)) for name in ("images", "labels"))
    _check(arrays, "images", (len(labels), *images.shape[1:3]), str(path))
    _check(arrays, "labels", (len(labels),), str(path))
    if extra.stretched:
        side = images.shape[1]
        narrow = (round(side * NATURAL_WIDTH * 3), side * 3)
        images = np.stack([cv2.resize(image, narrow, interpolation=cv2.INTER_LINEAR) for image in images])
    padded = np.pad(images, ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    digits = Digits(normalised(padded, Polarity.LIGHT_ON_DARK), labels)
    training, validation = split(digits, EXTRA_HELD_OUT, seed, extra.name)
    return Source(extra.name, extra.licence, training, validation)


def normalised(images: Images | Sequence[Images], polarity: Polarity) -> Images:
    """Pictures of digits, grey uint8 of any size, through the normaliser as in the service: uint8 [n, 28, 28].

    One without ink becomes black: that a digit was not found counts as an error, so it is not left out.
    """
    prepared = np.zeros((len(images), 28, 28), np.uint8)
    for row, image in enumerate(images):
        picture = normalise(image, polarity)
        if picture is not None:
            prepared[row] = picture
    return prepared


def _read(path: Path) -> dict[str, NDArray[np.uint8]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist. Point DIGITMILL_DATA at a folder with mnist.npz.") from error
    except (ValueError, OSError, EOFError) as error:
        raise TrainingError(f"{path} is not an .npz archive of plain arrays: {error}.") from error


def _download() -> dict[str, NDArray[np.uint8]]:
    from keras.datasets import mnist  # noqa: PLC0415 - reading a data folder needs no framework

    try:
        (x_train, y_train), (x_test, y_test) = mnist.load_data()
    except Exception as error:  # Keras raises nothing more particular
        raise TrainingError(
            f"MNIST cannot be downloaded: {error}. Point DIGITMILL_DATA at a folder with mnist.npz, or try again."
        ) from error
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def _present(arrays: dict[str, NDArray[np.uint8]], name: str, source: str) -> NDArray[np.uint8]:
    if name not in arrays:
        raise TrainingError(f"{source} has no array {name}; it has {', '.join(sorted(arrays)) or 'none'}.")
    return arrays[name]


def _check(arrays: dict[str, NDArray[np.uint8]], name: str, shape: tuple[int, ...], source: str) -> None:
    array = _present(arrays, name, source)
    if array.shape != shape or array.dtype != np.uint8:
        raise TrainingError(f"{source}: {name} is {array.dtype} {array.shape}, and must be uint8 {shape}.")
