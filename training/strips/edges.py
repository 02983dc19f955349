"""Groups of segments of composed strips with what each is: to teach a network which of them are one character."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import in_mnist_form
from digitmill.strips.ink import StripInk, strip_ink
from digitmill.strips.lattice import ALPHABET, DASH, POINT, lattice_of
from digitmill.strips.segments import segments_of
from training.non_digits import non_digits
from training.pictures.data import CLASSES, Digits, joined
from training.pictures.kinds import KINDS as DRAWN_KINDS
from training.pictures.kinds import classes_of_labels
from training.strips.compose import Composer, Strip

KINDS = ("cross", "struck_out", "several", "other")
"""What else a group may be; ``other`` is a part of a character, too."""
NUMBER_CLASSES = (*ALPHABET, *KINDS)
SEVERAL, OTHER = NUMBER_CLASSES.index("several"), NUMBER_CLASSES.index("other")
WHOLE, PART = 0.84, 0.68
"""A group is a character where it and the character have this share of their columns in common, and none below the
second; between them it is neither, and left out."""
NEAR = 2.5
"""Pixels by which its ends may differ from the character's: those of points and ones are no wider than the scanner's
blur."""
HELD = 0.8
"""Share of a character's columns in a group that holds it."""
KEPT = 0.5
"""Share of the groups that are no character that is kept: there are many more of them."""


ONE_MARKED = 4
"""A strip with a mark is drawn for so many with a number: the network sees it as a whole."""
WHOLES = 0.2
"""Share of the strips that it sees as a whole, too."""


def labelled_edges(composer: Composer, strips: int, random: Generator) -> Digits:
    """Pictures and classes, places in NUMBER_CLASSES, of the groups in so many strips."""
    images, labels = [], []
    for number in range(strips):
        if number % ONE_MARKED == 0:
            picture, kind = composer.marked(random)
            marked = strip_ink(picture, Polarity.AUTO)
            if marked is not None:
                images.append(in_mnist_form(marked.picture))
                labels.append(NUMBER_CLASSES.index(kind))
        strip = composer.draw(random)
        ink = strip_ink(strip.picture, Polarity.AUTO)
        if ink is None:
            continue
        lattice, inks = lattice_of(segments_of(ink.picture))
        places = _boxes(strip, ink)
        if len(places) > 1 and random.random() < WHOLES:
            images.append(in_mnist_form(ink.picture))
            labels.append(SEVERAL)
        for (left, _, right, _), picture in zip(lattice.boxes.tolist(), inks, strict=True):
            label = _label(left, right, places, strip.characters)
            if label is not None and (label < SEVERAL or random.random() < KEPT):
                images.append(in_mnist_form(picture))
                labels.append(label)
    return Digits(np.stack(images), np.array(labels, np.uint8))


def labelled_marks(digits: Digits, count: int, seed: tuple[int, ...]) -> Digits:
    """So many pictures of what is no digit, as a box may hold them, and of ``digits`` as they are."""
    drawn = non_digits(digits, count, seed)
    numbers = {kind: NUMBER_CLASSES.index(kind) if kind in KINDS else OTHER for kind in DRAWN_KINDS}
    numbers["dash"] = NUMBER_CLASSES.index(DASH)
    table = np.array([*range(len(CLASSES)), *(numbers[kind] for kind in DRAWN_KINDS)], np.uint8)
    marks = Digits(drawn.images, table[classes_of_labels(drawn.labels)])
    rows = np.random.default_rng(seed).choice(len(digits), min(count, len(digits)), replace=False)
    return joined([marks, digits[rows]])


def _boxes(strip: Strip, ink: StripInk) -> list[tuple[float, float]]:
    return [((left - ink.left) * ink.scale, (right - ink.left) * ink.scale) for left, right in strip.boxes]


def _label(start: int, end: int, boxes: Sequence[tuple[float, float]], characters: str) -> int | None:
    best, label, held = 0.0, 0, 0
    for (left, right), character in zip(boxes, characters, strict=True):
        common = min(right, end) - max(left, start)
        share = common / (max(right, end) - min(left, start))
        if max(abs(left - start), abs(right - end)) <= NEAR:
            share = max(share, WHOLE)
        held += character != POINT and common > HELD * (right - left)
        if share > best:
            best, label = share, ALPHABET.index(character)
    if best >= WHOLE:
        return label
    if held > 1:
        return SEVERAL
    return OTHER if best < PART else None
