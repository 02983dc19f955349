"""The kinds after the ten digits: what is found in a digit's box and is no digit, so that no digit is read into it.

Each kind is drawn as ink, scanned, and brought to MNIST's form as every image of the service is. Nothing is drawn
here that a careful person could take for a digit, for then the network would learn to refuse digits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.random import Generator

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise
from training.drawn.scan import Scan, scan
from training.non_digits import boxes, crossed, damaged, letters, marks
from training.non_digits.checks import like_a_one, like_its_drawing
from training.non_digits.strokes import Picture
from training.pictures.data import Digits
from training.pictures.kinds import label_of

CLEAN_SHARE = 0.1
"""Of the drawings so many are only normalised, without a scan."""


@dataclass(frozen=True)
class Kind:
    """One kind of non-digit.

    Attributes:
        share: of all pictures, by weight.
        draw: uint8 [height, width], light ink on 0; or where ``scanned`` dark on light, as it comes from a scanner.
        kind: the class, one of ``KINDS``.
        inside: the digit that can still be seen, if any.
    """

    name: str
    share: float
    draw: Callable[[Generator], Picture]
    scanned: bool = False
    kind: str = "other"
    inside: int | None = None

    @property
    def label(self) -> int:
        return label_of(self.kind, self.inside)


def _of_each_digit(
    name: str, share: float, kind: str, labels: Sequence[int], draw: Callable[[int, Generator], Picture]
) -> list[Kind]:
    """A kind for each of the digits that ``draw`` may show."""
    each = share / len(labels)
    return [Kind(f"{name} {label}", each, partial(draw, label), kind=kind, inside=label) for label in labels]


def kinds(digits: Digits) -> tuple[Kind, ...]:
    """What is drawn, and how often."""
    return (
        # fields without a value are crossed out on most forms
        Kind("cross", 14, marks.cross, kind="cross"),
        # the other sign for no value
        Kind("dash", 7, marks.dash, kind="dash"),
        Kind("tick", 6, marks.tick),
        # a full stop, a pen that was rested, dirt
        Kind("dots", 3, marks.dots),
        Kind("crossed circle", 3, marks.crossed_circle),
        # what a pen does over a mistake
        Kind("scribble", 5, marks.scribble),
        Kind("blackened", 2, marks.blackened),
        # a dash in haste, and a line drawn through many boxes
        Kind("wave", 2, marks.wave),
        Kind("arrow", 3, marks.arrow),
        # counts kept in boxes; one stroke of them would be a 1
        Kind("tally", 3, marks.tally),
        Kind("grid", 2, marks.grid),
        Kind("star", 2, marks.star),
        Kind("sign", 4, letters.sign),
        # answers written into boxes for numbers, and boxes for names cut by mistake; the likest to digits of all kinds
        Kind("handwritten letter", 22, letters.handwritten),
        Kind("printed letter", 8, letters.printed),
        # two values in one box, and boxes cut too wide; one of them would be a digit
        Kind("pair", 11, partial(damaged.pair, digits), kind="several"),
        Kind("clipped pair", 3, partial(damaged.clipped_pair, digits), kind="several"),
        # mistakes, and marks of exams
        *_of_each_digit("struck", 7, "struck_out", damaged.STRUCK, partial(damaged.struck, digits)),
        *_of_each_digit("struck by a line", 9, "struck_out", crossed.LINED, partial(crossed.lined, digits)),
        *_of_each_digit("circled", 9, "circled", range(10), partial(crossed.circled, digits)),
        Kind("overwritten", 5, partial(crossed.overwritten, digits)),
        Kind("cut in half", 2, partial(crossed.halved, digits)),
        Kind("stamp", 2, marks.stamp),
        # boxes cut beside the digit
        Kind("sliced", 1, partial(damaged.sliced, digits)),
        # boxes that nobody wrote in, where the normaliser finds what is printed on them
        Kind("frame", 2, boxes.frame, scanned=True, kind="blank"),
        Kind("comb", 2, boxes.comb, scanned=True, kind="blank"),
        Kind("guides", 1, boxes.guides, scanned=True, kind="blank"),
        Kind("stain", 1, boxes.stain, scanned=True, kind="blank"),
        Kind("shadow", 1, boxes.shadow, scanned=True, kind="blank"),
        Kind("grain", 1, boxes.grain, scanned=True, kind="blank"),
    )


def non_digits(digits: Digits, count: int, seed: tuple[int, ...]) -> Digits:
    """``count`` pictures of what is not one digit, in MNIST's form, with the labels of training/pictures/kinds.py.

    The same arguments give the same pictures.

    Args:
        digits: from which pairs and fragments are made.
    """
    random = np.random.default_rng(seed)
    table = kinds(digits)
    limits = np.cumsum([kind.share for kind in table])
    images = np.empty((count, 28, 28), np.uint8)
    labels = np.empty(count, np.uint8)
    drawn = 0
    while drawn < count:
        kind = table[np.searchsorted(limits, random.uniform(0, limits[-1]), side="right")]
        picture = picture_of(kind, random)
        if picture is not None:
            images[drawn], labels[drawn] = picture, kind.label
            drawn += 1
    return Digits(images, labels)


def picture_of(kind: Kind, random: Generator) -> Picture | None:
    """A picture [28, 28] of ``kind``; None where the normaliser found it blank, or it may be taken for a digit."""
    ink = kind.draw(random)
    if kind.scanned:
        taken = Scan(ink, Polarity.DARK_ON_LIGHT)
    elif random.random() < CLEAN_SHARE:
        taken = Scan(ink, Polarity.LIGHT_ON_DARK)
    else:
        taken = scan(ink, random)
    picture = normalise(taken.picture, taken.polarity)
    if picture is None or like_a_one(picture):
        return None
    return picture if kind.scanned or like_its_drawing(picture, ink) else None
