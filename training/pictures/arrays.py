"""Labelled pictures in arrays: pairs of IDX files, and .npz archives of several kinds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from training.pictures.idx import parse_idx
from training.pictures.labelled import LABELS, Item

Array = NDArray[Any]

TEST_WORDS = ("t10k", "test")
"""What the names of a set's own test files hold."""


def is_idx_images(name: str) -> bool:
    return "idx3" in name.lower()


def idx_items(images: Traversable, labels: Traversable) -> Iterator[Item]:
    """The pictures of one pair of IDX files, whose names say whether they are a test part.

    Raises:
        TrainingError: one of them is no IDX file, or they do not belong together.
    """
    pictures, digits = (parse_idx(file.read_bytes(), file.name) for file in (images, labels))
    test = any(word in images.name.lower() for word in TEST_WORDS)
    yield from _items(pictures, digits, images.name, np.full(len(digits), test))


def labels_of(images: Traversable, siblings: Mapping[str, Traversable]) -> Traversable:
    """The file of labels that belongs to ``images``, among the files beside it by name.

    Raises:
        TrainingError: there is none.
    """
    name = images.name.lower().replace("idx3", "idx1").replace("images", "labels")
    for wanted in (name, name.removesuffix(".gz"), f"{name}.gz"):
        for sibling, file in siblings.items():
            if sibling.lower() == wanted:
                return file
    raise TrainingError(f"There are no labels beside {images.name}. Put the file {name} into the same folder.")


def npz_items(path: Path) -> Iterator[Item]:
    """The pictures of ``path``: what ``prepare`` wrote, ``images`` and ``labels``, or the four arrays of MNIST.

    Raises:
        TrainingError: it is no such archive, or was prepared with another version of the normaliser.
    """
    arrays = _read(path)
    if "x_train" in arrays:
        for part in ("test", "train"):
            pictures, labels = (_named(arrays, f"{letter}_{part}", path) for letter in "xy")
            yield from _items(pictures, labels, f"x_{part}", np.full(len(labels), part == "test"))
        return
    pictures, labels = _named(arrays, "images", path), _named(arrays, "labels", path)
    prepared = "normaliser" in arrays
    if prepared and arrays["normaliser"] != NORMALISER_VERSION:
        raise TrainingError(
            f"{path} was prepared with version {arrays['normaliser']} of the normaliser, and this is version "
            f"{NORMALISER_VERSION}. Prepare it again from its source."
        )
    if prepared and pictures.shape[1:] != (28, 28):
        raise TrainingError(f"{path} says that it is prepared, and its images are {list(pictures.shape)}. Prepare it.")
    test = arrays.get("test", np.zeros(len(labels), bool))
    yield from _items(pictures, labels, "images", test, prepared=prepared)


def _items(pictures: Array, labels: Array, name: str, test: Array, *, prepared: bool = False) -> Iterator[Item]:
    if pictures.ndim == 4 and pictures.shape[3] == 1:
        pictures = pictures[..., 0]
    if pictures.ndim != 3 or pictures.dtype != np.uint8 or 0 in pictures.shape[1:]:
        raise TrainingError(
            f"{name} is {pictures.dtype} {list(pictures.shape)}, and must be uint8 [n, height, width]. Convert it."
        )
    if labels.shape != (len(pictures),) or labels.dtype.kind not in "iuU":
        raise TrainingError(
            f"{name} holds {len(pictures):,} pictures, and its labels are {labels.dtype} {list(labels.shape)}. "
            "Name files that belong together, with one whole number for each picture."
        )
    for row, (picture, label, in_test) in enumerate(zip(pictures, labels, test, strict=True)):
        known = LABELS[label] if prepared else str(label)
        yield Item(f"{name}[{row}]", known, picture, test=bool(in_test), prepared=prepared)


def _read(path: Path) -> dict[str, Array]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is not an .npz archive of plain arrays: {error}. Name another file.") from error


def _named(arrays: dict[str, Array], name: str, path: Path) -> Array:
    if name not in arrays:
        raise TrainingError(
            f"{path} has the arrays {', '.join(sorted(arrays)) or 'none'}. It needs images and labels, "
            "or x_train, y_train, x_test and y_test."
        )
    return arrays[name]
