"""The sources of a run: the built-in data sets of its recipe, then those that ``--data`` names, all split."""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np

from digitmill.domain.jobs import Polarity
from digitmill.errors import TrainingError
from digitmill.settings import Settings
from training.config import Config
from training.pictures.arrays import idx_items, is_idx_images, labels_of, npz_items
from training.pictures.boxes import form_boxes
from training.pictures.data import CLASSES, Source, kept_for_testing, load_sources, split
from training.pictures.folders import LABELS_FILE, class_items, has_class_folders, listed_items
from training.pictures.labelled import Item, Labelled, collect
from training.pictures.pen_sources import pen_sources

HELD_OUT = 10
"""One in so many is held out for testing, and as many of the rest for validation."""
LICENCE = "not stated"
KINDS = (
    "a folder with one folder for each digit, a folder with labels.csv, either of them in a zip, IDX files "
    "(…idx3… and …idx1… beside it, gzipped or not), or an .npz file"
)

_log = logging.getLogger(__name__)


def sources_of(config: Config, settings: Settings) -> tuple[Source, ...]:
    """All sources of the run, MNIST first, split the same way for the same seed.

    Raises:
        TrainingError: one cannot be read, or two go by the same name.
    """
    built_in = [
        *load_sources(settings.data, config.seed, config.data_sets),
        *pen_sources(settings.data, config.seed, config.data_sets),
    ]
    sources = [
        kept_for_testing(source) if source.name in config.left_out else source
        for source in (built_in if config.non_digits else map(_of_digits, built_in))
    ]
    if settings.data is not None:
        sources += form_boxes(settings.data)
    return with_files(sources, map(Path, config.data), config, settings.max_image_pixels)


def with_files(sources: Sequence[Source], paths: Iterable[Path], config: Config, max_pixels: int) -> tuple[Source, ...]:
    """``sources``, and those that lie in ``paths``, without what is among the others too. Raises as ``sources_of``."""
    found = list(sources)
    for path in paths:
        name = name_of(path)
        if any(source.name == name for source in found):
            raise TrainingError(f"Two sources are called {name}. Rename {path}.")
        labelled = read_labelled(path, Polarity.AUTO, max_pixels)
        if not config.non_digits:
            labelled = _digits_alone(labelled)
        found.append(_split(name, _without(labelled, found, name), config.seed))
        for reason, names in labelled.left_out.items():
            _log.warning("%s: %d left out: %s.", name, len(names), reason)
    return tuple(found)


def read_labelled(path: Path, polarity: Polarity, max_pixels: int) -> Labelled:
    """The labelled pictures in ``path``, of any of the ``KINDS``, after the normaliser.

    Raises:
        TrainingError: it is of no kind that is known, damaged, or holds no digit.
    """
    try:
        return collect(items_of(path, max_pixels), polarity, str(path))
    except (OSError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} cannot be read: {error}. Name {KINDS}.") from error


def name_of(path: Path) -> str:
    """What a source is called: its file or folder, without the ending."""
    named = path.resolve()
    return (named.parent if named.name == LABELS_FILE else named).name.partition(".")[0]


def items_of(path: Path, max_pixels: int) -> Iterator[Item]:
    """The labelled pictures in ``path`` as they are. Raises as ``read_labelled``, and OSError and BadZipFile."""
    if path.suffix == ".npz":
        return npz_items(path)
    if path.is_file() and is_idx_images(path.name):
        return idx_items(path, labels_of(path, _siblings(path.parent)))
    folder = path.parent if path.name == LABELS_FILE else path
    if folder.suffix.lower() == ".zip" and folder.is_file():
        return _in_folder(_only_folder(zipfile.Path(folder)), max_pixels, path)
    if folder.is_dir():
        return _in_folder(folder, max_pixels, path)
    raise TrainingError(f"{path} {'is of no known kind' if path.exists() else 'does not exist'}. Name {KINDS}.")


def _in_folder(folder: Traversable, max_pixels: int, path: Path) -> Iterator[Item]:
    siblings = _siblings(folder)
    if LABELS_FILE in siblings:
        return listed_items(folder, max_pixels)
    idx = [siblings[name] for name in sorted(siblings) if is_idx_images(name)]
    if idx:
        return (item for images in idx for item in idx_items(images, labels_of(images, siblings)))
    if has_class_folders(folder):
        return class_items(folder, max_pixels)
    raise TrainingError(f"{path} holds no labelled pictures. Name {KINDS}.")


def _only_folder(root: Traversable) -> Traversable:
    """Where a zip holds nothing but one folder, as when a folder was zipped: that one."""
    children = [child for child in root.iterdir() if child.name != "__MACOSX"]
    return children[0] if len(children) == 1 and children[0].is_dir() else root


def _siblings(folder: Traversable) -> dict[str, Traversable]:
    return {child.name: child for child in folder.iterdir() if child.is_file()}


def _of_digits(source: Source) -> Source:
    """For a network that has no class for anything else."""
    test = source.test.digits if source.test is not None else None
    return replace(source, training=source.training.digits, validation=source.validation.digits, test=test)


def _digits_alone(labelled: Labelled) -> Labelled:
    """The same of labelled pictures."""
    rows = np.flatnonzero(labelled.digits.labels < len(CLASSES))
    return Labelled(labelled.digits[rows], labelled.test[rows], labelled.left_out)


def _without(labelled: Labelled, others: list[Source], name: str) -> Labelled:
    """``labelled`` without the pictures that ``others`` have too, lest one tests what another trains."""
    parts = [part for source in others for part in (source.training, source.validation, source.test) if part]
    known = {image.tobytes() for part in parts for image in part.images}
    new = np.array([image.tobytes() not in known for image in labelled.digits.images], bool)
    if not new.any():
        raise TrainingError(f"All pictures of {name} are in the other data sets already. Leave it out.")
    if not new.all():
        _log.warning("%s: %d left out: in another data set already.", name, (~new).sum())
    rows = np.flatnonzero(new)
    return Labelled(labelled.digits[rows], labelled.test[rows], labelled.left_out)


def _split(name: str, labelled: Labelled, seed: int) -> Source:
    """By the source's own test part where it has one, or else with one held out here."""
    digits, test = labelled.digits, labelled.test
    if test.any() and not test.all():
        rest, held_out = digits[np.flatnonzero(~test)], digits[np.flatnonzero(test)]
    else:
        rest, held_out = split(digits, HELD_OUT, seed)
    training, validation = split(rest, HELD_OUT, seed)
    return Source(name, LICENCE, training, validation, held_out)
