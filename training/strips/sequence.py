"""What a sequence network learns from: strips as it sees them, and what is written there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.strips.ink import strip_ink
from digitmill.strips.lattice import POINT
from digitmill.strips.sequence import HEIGHT, MARK, NOTHING, PAPER, sequence_picture
from training.strips.compose import Composer
from training.strips.hands import Hands, material
from training.strips.strange import StrangeComposer

Picture = NDArray[np.uint8]
Pixels = NDArray[np.float32]

STRANGE = 0.15
"""Share of strips with something among the digits that is none."""
DRAWN_APART = 2
"""Processes that draw at once."""
BATCH = 32
NEAR = 20
"""Batches' worth of strips that are put in the order of their widths, so that those of a batch are about as wide."""
ROOM = 24
"""Pixels that a changed picture may be wider."""
SCALE, SLANT, TURN, TALL, SHIFT = 0.06, 0.12, 0.02, 0.06, 1.2
"""Spreads by which pictures are changed: of the width, the slant, the turn and the height as shares, and of the shift
in pixels."""
GAMMA, NOISY, NOISE = 0.2, 0.3, 0.05
"""Spread of the logarithm of the gamma; share of pictures with noise, and its spread."""


@dataclass(frozen=True)
class Strips:
    """``pictures`` uint8 [40, width], and of each the outputs that spell it: 1 to 10 for digits, 11 for a mark."""

    pictures: list[Picture]
    labels: list[list[int]]


class Batch(NamedTuple):
    """``pixels`` float32 [strips, 40, width, 1], 0 to 1; ``labels`` int32 [strips, longest], 0 behind their end;
    ``lengths`` int32 [strips]."""

    pixels: Pixels
    labels: NDArray[np.int32]
    lengths: NDArray[np.int32]


def label_of(characters: str) -> list[int]:
    """The outputs that spell a strip. Points and commas are nothing, other marks a mark."""
    return [1 + DIGITS.index(each) if each in DIGITS else MARK for each in characters if each != POINT]


def drawn(hands: Hands, count: int, random: Generator) -> Strips:
    """So many strips by these hands that have ink."""
    usual, strange, found = Composer(hands), StrangeComposer(hands), Strips([], [])
    while len(found.pictures) < count:
        strip = (strange if random.random() < STRANGE else usual).draw(random)
        ink, label = strip_ink(strip.picture, Polarity.AUTO), label_of(strip.characters)
        if ink is not None and label:
            found.pictures.append(sequence_picture(strip.picture, ink))
            found.labels.append(label)
    return found


def drawn_apart(data: Path | None, seed: int, count: int) -> Strips:
    """Strips by the hands to learn from, drawn in several processes."""
    with ProcessPoolExecutor(DRAWN_APART, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        jobs = [pool.submit(_part, data, seed, count // DRAWN_APART, number) for number in range(DRAWN_APART)]
        parts = [each.result() for each in jobs]
    return Strips([each for part in parts for each in part.pictures], [each for part in parts for each in part.labels])


def _part(data: Path | None, seed: int, count: int, number: int) -> Strips:
    return drawn(material(data, seed).training, count, np.random.default_rng((seed, 6, number)))


def batches(strips: Strips, random: Generator) -> Iterator[Batch]:
    """All strips once, each changed a little, in batches of strips about as wide."""
    order = random.permutation(len(strips.pictures))
    for start in range(0, len(order), BATCH * NEAR):
        some = sorted(order[start : start + BATCH * NEAR].tolist(), key=lambda n: strips.pictures[n].shape[1])
        groups = [some[first : first + BATCH] for first in range(0, len(some), BATCH)]
        for number in random.permutation(len(groups)).tolist():
            yield _batch(strips, groups[number], random)


def _batch(strips: Strips, group: list[int], random: Generator) -> Batch:
    width = max(strips.pictures[n].shape[1] for n in group) + ROOM
    pixels = np.full((len(group), HEIGHT, width, 1), PAPER / 255, np.float32)
    lengths = np.array([len(strips.labels[n]) for n in group], np.int32)
    labels = np.full((len(group), lengths.max()), NOTHING, np.int32)
    for row, n in enumerate(group):
        changed = _changed(strips.pictures[n], random)
        pixels[row, :, : changed.shape[1], 0] = changed[:, :width]
        labels[row, : lengths[row]] = strips.labels[n]
    return Batch(pixels, labels, lengths)


def _changed(picture: Picture, random: Generator) -> Pixels:
    """``picture`` as somewhat wider or narrower, slanted, turned, shifted, darker, and noisy: 0 to 1."""
    height, width = picture.shape
    wider, slant = random.normal(0, SCALE), random.normal(0, SLANT)
    turn, taller = random.normal(0, TURN) * height / (2 * width), random.normal(0, TALL)
    moved = np.array(
        [
            [1 + wider, slant, -slant * height / 2 + random.uniform(0, ROOM / 2 - 2)],
            [turn, 1 + taller, random.normal(0, SHIFT) - taller * height / 2],
        ],
        np.float32,
    )
    size = (int(width * max(1.0, 1 + wider)) + ROOM // 2, height)
    found = cv2.warpAffine(picture, moved, size, borderMode=cv2.BORDER_REPLICATE).astype(np.float32) / 255
    found **= np.float32(np.exp(random.normal(0, GAMMA)))
    if random.random() < NOISY:
        found = np.clip(found + random.normal(0, NOISE, found.shape).astype(np.float32), 0, 1)
    return np.asarray(found[:, : width + ROOM], np.float32)
