"""The hands that strings are composed of: digits out of a set of many hands, or of one writer, and written signs."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.models.manifest import DataSet
from training.pictures.data import UNIPEN, Digits, joined, load_sources
from training.pictures.pen_sources import TEST_WRITERS, UNIPEN_FOLDER, UNIPEN_LICENCE, characters, held_out_characters
from training.pictures.unipen import PenCharacter
from training.scans.pens import strokes

Picture = NDArray[np.uint8]

HEIGHT = 64
"""Pixels of a digit's height as it is drawn."""
INK_SIDE = 20
"""The same in the pictures that digits come as."""
ALIKE = 12
"""Digits among which the one with the weight of the string's hand is chosen."""
LEAST_DIGITS = 8
"""Of a writer, different ones: with fewer every string would look alike."""
FRACTION = 4
"""Bits of a pixel's fraction in which points are drawn."""
PEN_SEEDS = 2**31
SIZE = 0.08
"""Spread of the sizes of one hand's digits."""
MARKS = "$#*%&+@"
LETTERS = "RFEKNPCMrkn"
"""Such as stand before and behind amounts, and hardly any hand writes like a digit."""
LETTER_FILES = 6
"""One file of letters in so many is read."""
OF_ONE, TOGETHER = 12, 4
"""Of a digit by one writer, for a hand of many writers; and how often this hand is drawn for each of a writer alone."""
VALIDATION_REST = 1
"""Of the writers' numbers modulo TEST_WRITERS; 0 are those for testing."""


@dataclass(frozen=True)
class Hands:
    """Who writes: the ``digits`` of many hands, and each writer's own ``characters`` by their label. ``signs`` are
    written marks and letters by their label."""

    digits: Digits
    writers: Sequence[Mapping[str, Sequence[PenCharacter]]] = ()
    signs: Mapping[str, Sequence[PenCharacter]] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """Three sets of hands without a digit in common, in testing without a writer; ``sets`` are where they come from."""

    training: Hands
    validation: Hands
    test: Hands
    sets: tuple[DataSet, ...]


def material(data: Path | None, seed: int) -> Material:
    """The hands of the data folder, split as the runs with this ``seed`` split it.

    Raises:
        TrainingError: a file is there and cannot be read.
    """
    sources = load_sources(data, seed)
    pools = (
        joined([source.training for source in sources]),
        joined([source.validation for source in sources]),
        joined([source.test for source in sources if source.test is not None]),
    )
    written, signs = [], []
    if data is not None and (data / UNIPEN_FOLDER).is_dir():
        folder = data / UNIPEN_FOLDER
        written = characters(folder, "1a", DIGITS, 1)
        signs = characters(folder, "1d", MARKS, 1)
        signs += [each for part in ("1b", "1c") for each in characters(folder, part, LETTERS, LETTER_FILES)]
    training, validation, test = map(partial(_hands, written, signs), pools, RESTS)
    sets = [
        DataSet(
            name=source.name,
            licence=source.licence,
            training_images=len(source.training),
            validation_images=len(source.validation),
        )
        for source in sources
    ]
    if written:
        counts = [sum(map(len, own.values())) for hands in (training, validation) for own in hands.writers]
        split = len(training.writers)
        known, held = sum(counts[:split]), sum(counts[split:])
        sets.append(DataSet(name=UNIPEN, licence=UNIPEN_LICENCE, training_images=known, validation_images=held))
    return Material(training, validation, test, tuple(sets))


def unseen(found: Material, data: Path | None, seed: int) -> Hands:
    """The hands for validation, of whose digits no network with this ``seed`` learnt any, whatever it began with.

    Networks of single digits learn from most pictures of the writers who are held out here. The few that are left are
    of two writers of all digits, and as one more hand of all of them.
    """
    hands = found.validation
    if data is None or not (data / UNIPEN_FOLDER).is_dir():
        return hands
    held_out = [each for each in held_out_characters(data / UNIPEN_FOLDER, seed) if _rest(each) == VALIDATION_REST]
    own, together = defaultdict[str, list[PenCharacter]](list), dict[str, list[PenCharacter]]()
    for each in held_out:
        if len(own[each.writer + each.label]) < OF_ONE:
            own[each.writer + each.label].append(each)
            together.setdefault(each.label, []).append(each)
    writers = _writers(held_out, frozenset({VALIDATION_REST}))
    return replace(hands, writers=(*writers, *[together] * TOGETHER))


RESTS = (frozenset(range(VALIDATION_REST + 1, TEST_WRITERS)), frozenset({VALIDATION_REST}), frozenset({0}))


def _hands(
    written: Sequence[PenCharacter], signs: Sequence[PenCharacter], pool: Digits, rests: frozenset[int]
) -> Hands:
    return Hands(pool, _writers(written, rests), _signs(signs, rests))


def _rest(character: PenCharacter) -> int:
    return zlib.crc32(character.writer.encode()) % TEST_WRITERS


def _writers(written: Sequence[PenCharacter], rests: frozenset[int]) -> list[dict[str, list[PenCharacter]]]:
    found: dict[str, dict[str, list[PenCharacter]]] = defaultdict(lambda: defaultdict(list))
    for character in written:
        if _rest(character) in rests:
            found[character.writer][character.label].append(character)
    return [dict(own) for own in found.values() if len(own) >= LEAST_DIGITS]


def _signs(written: Sequence[PenCharacter], rests: frozenset[int]) -> dict[str, list[PenCharacter]]:
    found: dict[str, list[PenCharacter]] = defaultdict(list)
    for character in written:
        if _rest(character) in rests:
            found[character.label].append(character)
    return dict(found)


class PoolHand:
    """Digits of many hands, of about one weight, with one slant and one pen."""

    def __init__(
        self, digits: Digits, rows: Sequence[NDArray[np.intp]], weights: NDArray[np.float32], random: Generator
    ) -> None:
        self._digits, self._rows, self._weights = digits, rows, weights
        self._weight, self._slant = random.uniform(60, 150), random.normal(0.05, 0.15)
        self._pen = int(random.integers(PEN_SEEDS))
        self.width = random.uniform(3, 8)
        self.knows = DIGITS

    def glyph(self, label: str, random: Generator) -> Picture:
        rows = random.choice(self._rows[int(label)], ALIKE)
        image = np.pad(self._digits.images[rows[np.abs(self._weights[rows] - self._weight).argmin()]], 8)
        factor = HEIGHT / INK_SIDE
        slant = self._slant
        shear = np.array([[factor, -slant * factor, slant * factor * 22], [0, factor, 0]], np.float32)
        side = int(image.shape[0] * factor)
        drawn = np.asarray(cv2.warpAffine(image, shear, (side, side), flags=cv2.INTER_CUBIC), np.uint8)
        return cut(strokes(drawn, np.random.default_rng(self._pen)))


class WriterHand:
    """One writer's own digits, by one pen."""

    def __init__(self, own: Mapping[str, Sequence[PenCharacter]], random: Generator) -> None:
        self._own, self._slant = own, random.normal(0, 0.1)
        self.width = random.uniform(2.5, 9)
        self.knows = "".join(sorted(own))

    def glyph(self, label: str, random: Generator) -> Picture:
        some = self._own[label]
        return penned(some[int(random.integers(len(some)))], HEIGHT, self.width, self._slant)


def penned(character: PenCharacter, height: float, width: float, slant: float = 0.0) -> Picture:
    """``character`` as so many pixels high by a pen of this width, cut to its ink: uint8, light on 0."""
    points = np.concatenate(character.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    across, down = (high - low).tolist()
    scale = height / max(down, across / 1.3, 1.0)
    margin = int(width) + 2
    lean = abs(slant) * height
    canvas = np.zeros((int(down * scale) + 2 * margin + 1, int(across * scale + lean) + 2 * margin + 1), np.uint8)
    for stroke in character.strokes:
        places = (stroke - low) * scale
        places[:, 0] += slant * (down * scale - places[:, 1]) + (lean if slant < 0 else 0)
        fixed = np.round((places + margin) * (1 << FRACTION)).astype(np.int32)
        # OpenCV draws no line of one point
        fixed = np.repeat(fixed, 2, axis=0) if len(fixed) == 1 else fixed
        cv2.polylines(canvas, [fixed], False, 255, max(1, round(width)), cv2.LINE_AA, FRACTION)
    return cut(canvas)


def cut(glyph: Picture) -> Picture:
    x, y, width, height = cv2.boundingRect(cv2.threshold(glyph, 60, 255, cv2.THRESH_BINARY)[1])
    return glyph[y : y + max(height, 4), x : x + max(width, 4)]
