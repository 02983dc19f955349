"""The sources that were written on tablets: UCI's pendigits, and the release ``train_r01_v07`` of UNIPEN.

Their strokes are drawn by pens of several widths, once, and brought to MNIST's form like all else.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from training.non_digits.checks import like_a_one
from training.pictures.data import (
    CLASSES,
    EXTRA_HELD_OUT,
    PENDIGITS,
    UNIPEN,
    Digits,
    Source,
    normalised,
    split,
    split_rows,
    warn_of_missing,
)
from training.pictures.unipen import PenCharacter, drawn, parse_unipen, read_release

PENDIGITS_LICENCE = "CC BY 4.0 (UCI Machine Learning Repository, doi 10.24432/C5MG6K)"
PENDIGITS_FILES = ("pendigits-orig.tra", "pendigits-orig.tes")
"""Of 30 writers for training, and of 14 others for testing."""
UNIPEN_LICENCE = "CC BY 4.0 (International Unipen Foundation, doi 10.5281/zenodo.1195803)"
UNIPEN_FOLDER = "train_r01_v07"
TEST_WRITERS = 8
"""One writer in so many is kept for testing."""
LETTERS = "CEFKMNPVWXmwx"
"""Such as hardly any hand writes like a digit. A network that also learnt A, H, R, e, h, t and more of these writers
gave 5 % or more to none for 2.4 % of an unseen collection's digits; having gone on with these alone, for 0.6 %."""
LETTER_FILES = 8
"""One file of letters in so many is read: there are five times as many letters as digits."""
UNSOUND = "ibm"
"""A contributor whose segments often name one stroke of several, so that half an 8 is called an 8."""


def pen_sources(data: Path | None, seed: int, names: Collection[str]) -> list[Source]:
    """Those of ``names`` that are present in the folder ``data``.

    Raises:
        TrainingError: a file is there and cannot be read.
    """
    sources = []
    if PENDIGITS in names:
        files = [data / "digits" / file for file in PENDIGITS_FILES] if data is not None else []
        if files and all(file.is_file() for file in files):
            sources.append(_pendigits(files, seed))
        else:
            warn_of_missing(PENDIGITS)
    if UNIPEN in names:
        if data is not None and (data / UNIPEN_FOLDER).is_dir():
            sources.append(_unipen(data / UNIPEN_FOLDER, seed))
        else:
            warn_of_missing(UNIPEN)
    return sources


def _pendigits(files: Sequence[Path], seed: int) -> Source:
    kept, test = (_digits(parse_unipen(file.read_text("latin-1"), str(file)), seed) for file in files)
    training, validation = split(kept, EXTRA_HELD_OUT, seed, PENDIGITS)
    return Source(PENDIGITS, PENDIGITS_LICENCE, training, validation, test)


def _unipen(folder: Path, seed: int) -> Source:
    """Digits, and letters as pictures of no digit; the test part is of other writers."""
    test, rest = _unipen_characters(folder)
    training, validation = split(_digits(rest, seed), EXTRA_HELD_OUT, seed, UNIPEN)
    return Source(UNIPEN, UNIPEN_LICENCE, training, validation, _digits(test, seed))


def _unipen_characters(folder: Path) -> tuple[list[PenCharacter], list[PenCharacter]]:
    """Those of the writers for testing, and the others."""
    found = characters(folder, "1a", DIGITS, 1)
    for part in ("1b", "1c"):
        found += characters(folder, part, LETTERS, LETTER_FILES)
    if not found:
        raise TrainingError(f"{folder} holds no digits. Unpack the whole release there: data and include.")
    test = [character for character in found if is_for_testing(character)]
    return test, [character for character in found if not is_for_testing(character)]


def held_out_characters(folder: Path, seed: int) -> list[PenCharacter]:
    """The digits of UNIPEN whose pictures are neither trained on nor tested with by runs of this ``seed``."""
    _, rest = _unipen_characters(folder)
    digits, kept = _drawn(rest, seed)
    held_out = split_rows(digits, EXTRA_HELD_OUT, seed, UNIPEN)[1]
    found = [rest[kept[row]] for row in held_out.tolist()]
    return [character for character in found if character.label in DIGITS]


def characters(folder: Path, part: str, labels: str, one_in: int) -> list[PenCharacter]:
    """The characters of one part of the release in ``folder`` that are labelled as one of ``labels``, of one file in so
    many. Raises TrainingError: a file cannot be read."""
    files = sorted((folder / "data" / part).rglob("*.dat"))
    sound = [path for path in files if UNSOUND not in path.relative_to(folder).parts]
    return [character for path in sound[::one_in] for character in read_release(folder, path, labels)]


def is_for_testing(character: PenCharacter) -> bool:
    """Whether its writer is kept for testing."""
    return zlib.crc32(character.writer.encode()) % TEST_WRITERS == 0


def _digits(characters: Sequence[PenCharacter], seed: int) -> Digits:
    return _drawn(characters, seed)[0]


def _drawn(characters: Sequence[PenCharacter], seed: int) -> tuple[Digits, list[int]]:
    """Their pictures, and which of them these are of."""
    random = np.random.default_rng(seed)
    images = normalised([drawn(character, random) for character in characters], Polarity.LIGHT_ON_DARK)
    labels = [int(character.label) if character.label in DIGITS else len(CLASSES) for character in characters]
    # a stem alone, of a letter whose other strokes were lost, is a 1
    sound = [
        place
        for place, (label, image) in enumerate(zip(labels, images, strict=True))
        if label < len(CLASSES) or not like_a_one(image)
    ]
    return Digits(images, np.array(labels, np.uint8))[np.array(sound, np.intp)], sound
