"""The changes that leave a digit what it is.

Every one takes a picture uint8 [height, width], dark ink on light paper, and random numbers, and gives what the
normaliser is to be asked: a picture and the polarity that it is told. None where the change does not apply.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from digitmill.domain.jobs import Polarity
from training.metamorphic.pictures import Grey, cut_to, four, grey, ink_box, padded, paper_of


class Asked(NamedTuple):
    picture: Grey
    polarity: Polarity = Polarity.AUTO


Change = Callable[[Grey, Generator], Grey | None]
Transformation = Callable[[Grey, Generator], Asked | None]

MARGINS = range(13)
LEAST_INK_SIDE = 10
"""Pixels of the digit's longer side below which a person cannot read it either."""
WIDEST, NARROWEST = 2.5, 0.4
"""Of what is stretched to a square: a 1 that is stretched so far is a bar for a person too."""
SQUARE = 28


def cut(margin: int, picture: Grey, _random: Generator) -> Grey | None:
    """To the ink and ``margin`` px on every side."""
    box = ink_box(picture)
    return None if box is None else cut_to(picture, box, (margin,) * 4)


def cut_unevenly(most: int, picture: Grey, random: Generator) -> Grey | None:
    box = ink_box(picture)
    return None if box is None else cut_to(picture, box, four(0, most, random))


def pad(least: int, most: int, picture: Grey, random: Generator) -> Grey:
    return padded(picture, four(least, most, random))


def cut_and_pad(most: int, picture: Grey, random: Generator) -> Grey | None:
    """To the ink, and again on paper: of a cut 1 most is ink, so the paper is that of the uncut picture."""
    tight = cut(0, picture, random)
    return None if tight is None else padded(tight, four(0, most, random), paper_of(picture))


def shift(most: int, picture: Grey, random: Generator) -> Grey | None:
    """Paper is added at one side and taken away at the opposite one, as far as there is any."""
    box = ink_box(picture)
    if box is None:
        return None
    right, down = random.integers(-most, most + 1, 2).tolist()
    height, width = picture.shape
    right = min(max(right, -box.left), width - box.right)
    down = min(max(down, -box.top), height - box.bottom)
    moved = padded(picture, (max(right, 0), max(down, 0), max(-right, 0), max(-down, 0)))
    left, top = max(-right, 0), max(-down, 0)
    return moved[top : top + height, left : left + width]


def scale(least: float, most: float, picture: Grey, random: Generator) -> Grey | None:
    factor = math.exp(random.uniform(math.log(least), math.log(most)))
    box = ink_box(picture)
    longest = max(picture.shape) if box is None else max(box.width, box.height)
    if factor * longest < LEAST_INK_SIDE:
        return None
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return grey(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=kind))


def stretch(margin: int | None, picture: Grey, _random: Generator) -> Grey | None:
    """To 28x28, whatever the proportions; cut to the ink and ``margin`` px before, or whole."""
    box = ink_box(picture)
    if box is None or not NARROWEST <= box.width / box.height <= WIDEST:
        return None
    taken = picture if margin is None else cut_to(picture, box, (margin,) * 4)
    return grey(cv2.resize(taken, (SQUARE, SQUARE), interpolation=cv2.INTER_AREA))


def gamma(picture: Grey, random: Generator) -> Grey:
    power = math.exp(random.uniform(math.log(0.5), math.log(2.0)))
    return grey(255 * (picture / 255.0) ** power)


def contrast(picture: Grey, random: Generator) -> Grey:
    """0.3 to 1 of it, anywhere between black and white."""
    gain = random.uniform(0.3, 1.0)
    return grey(picture * gain + random.uniform(0, 255 * (1 - gain)))


def invert(picture: Grey, _random: Generator) -> Grey:
    return np.invert(picture)


def jpeg(least: int, most: int, picture: Grey, random: Generator) -> Grey:
    quality = int(random.integers(least, most + 1))
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return grey(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def one_bit_by_otsu(picture: Grey, _random: Generator) -> Grey:
    return grey(cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1])


def one_bit_at_a_level(picture: Grey, random: Generator) -> Grey:
    """A fixed threshold, 0.35 to 0.65 of the way from the darkest ink to the paper."""
    ink = int(picture.min())
    level = ink + random.uniform(0.35, 0.65) * (paper_of(picture) - ink)
    return grey(255 * (picture > level))


def blur(picture: Grey, random: Generator) -> Grey:
    """Less than a stroke is wide: a standard deviation of 0.4 to 1.6 % of the longest side."""
    return grey(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.004, 0.016) * max(picture.shape)))


def rotate(most: float, picture: Grey, random: Generator) -> Grey:
    """By up to ``most`` degrees about its middle, on paper wide enough for its corners."""
    room = math.ceil(max(picture.shape) * math.sin(math.radians(most)) / 2)
    wide = padded(picture, (room,) * 4)
    height, width = wide.shape
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), random.uniform(-most, most), 1)
    paper = paper_of(picture)
    return grey(cv2.warpAffine(wide, matrix, (width, height), flags=cv2.INTER_CUBIC, borderValue=paper))


def in_turn(*changes: Change) -> Change:
    def changed(picture: Grey, random: Generator) -> Grey | None:
        left: Grey | None = picture
        for change in changes:
            if left is not None:
                left = change(left, random)
        return left

    return changed


def asked(change: Change, polarity: Polarity = Polarity.AUTO) -> Transformation:
    def transformed(picture: Grey, random: Generator) -> Asked | None:
        changed = change(picture, random)
        return None if changed is None or not changed.size else Asked(changed, polarity)

    return transformed


UNCUT = "as it is"


def transformations() -> dict[str, Transformation]:
    """By name, in the order of the tables. ``UNCUT`` is the first: what all others are held against."""
    tight = partial(cut_unevenly, 4)
    changes: dict[str, Change] = {
        UNCUT: lambda picture, _: picture,
        **{f"cut, margin {margin}": partial(cut, margin) for margin in MARGINS},
        "cut unevenly, 0 to 12": partial(cut_unevenly, 12),
        "pad 0 to 10": partial(pad, 0, 10),
        "pad 10 to 40": partial(pad, 10, 40),
        "cut at 0, pad 0 to 40": partial(cut_and_pad, 40),
        "shift by up to 14": partial(shift, 14),
        "scale 0.3 to 1": partial(scale, 0.3, 1.0),
        "scale 1 to 6": partial(scale, 1.0, 6.0),
        "gamma 0.5 to 2": gamma,
        "contrast 0.3 to 1": contrast,
        "invert": invert,
        "JPEG 20 to 50": partial(jpeg, 20, 50),
        "JPEG 50 to 95": partial(jpeg, 50, 95),
        "one bit, Otsu": one_bit_by_otsu,
        "one bit, fixed": one_bit_at_a_level,
        "blur": blur,
        "rotate by up to 8": partial(rotate, 8.0),
        "28x28, whole": partial(stretch, None),
        "28x28, cut at 0": partial(stretch, 0),
        "28x28, cut at 2": partial(stretch, 2),
        "tight, scale 0.3 to 1": in_turn(tight, partial(scale, 0.3, 1.0)),
        "tight, scale 1 to 6": in_turn(tight, partial(scale, 1.0, 6.0)),
        "tight, invert": in_turn(tight, invert),
        "tight, JPEG 20 to 95": in_turn(tight, partial(jpeg, 20, 95)),
        "tight, one bit": in_turn(tight, one_bit_by_otsu),
        "tight, blur": in_turn(tight, blur),
        "rotate, tight": in_turn(partial(rotate, 8.0), tight),
    }
    told: dict[str, tuple[Change, Polarity]] = {
        "told, dark": (lambda picture, _: picture, Polarity.DARK_ON_LIGHT),
        "told, light": (invert, Polarity.LIGHT_ON_DARK),
        "tight, told, dark": (tight, Polarity.DARK_ON_LIGHT),
        "tight, told, light": (in_turn(tight, invert), Polarity.LIGHT_ON_DARK),
    }
    return {name: asked(change) for name, change in changes.items()} | {
        name: asked(change, polarity) for name, (change, polarity) in told.items()
    }
