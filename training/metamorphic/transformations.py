"""The changes that leave a digit what it is.

Every one takes a picture uint8 [height, width], dark ink on light paper, and random numbers, and gives what the
normaliser is to be asked: a picture and the polarity that it is told. None where the change does not apply.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain import Polarity

Grey = NDArray[np.uint8]


class Asked(NamedTuple):
    picture: Grey
    polarity: Polarity = Polarity.AUTO


Transformation = Callable[[Grey, Generator], Asked | None]

MARGINS = range(13)
LEAST_INK_SIDE = 10
"""Pixels of the digit's longer side below which a person cannot read it either."""
INK_STARTS = 0.35
"""Share of the way from paper to the darkest ink at which a pixel counts as ink when a picture is cut."""


class Box(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


def paper_of(picture: Grey) -> int:
    """The grey level of the paper: of half of the pixels at least, in a picture with its margins."""
    return int(np.percentile(picture, 75))


def ink_box(picture: Grey) -> Box | None:
    """Where the ink is, by threshold alone; None where there is none, or where some of it touches the edge."""
    paper, ink = paper_of(picture), int(picture.min())
    if paper - ink < 20:
        return None
    left, top, width, height = cv2.boundingRect((picture < paper - INK_STARTS * (paper - ink)).astype(np.uint8))
    box = Box(left, top, left + width, top + height)
    if not (box.left and box.top and box.right < picture.shape[1] and box.bottom < picture.shape[0]):
        return None
    return box


def cut(margin: int, picture: Grey, _random: Generator) -> Asked | None:
    box = ink_box(picture)
    if box is None or min(box.left, box.top) < 0:
        return None
    rows = slice(max(0, box.top - margin), box.bottom + margin)
    return Asked(picture[rows, max(0, box.left - margin) : box.right + margin])


def padded(least: int, most: int, picture: Grey, random: Generator) -> Asked:
    top, bottom, left, right = random.integers(least, most + 1, 4).tolist()
    paper = paper_of(picture)
    return Asked(_grey(cv2.copyMakeBorder(picture, top, bottom, left, right, cv2.BORDER_CONSTANT, value=paper)))


def scaled(least: float, most: float, picture: Grey, random: Generator) -> Asked | None:
    scale = float(np.exp(random.uniform(np.log(least), np.log(most))))
    box = ink_box(picture)
    if box is None or scale * max(box.right - box.left, box.bottom - box.top) < LEAST_INK_SIDE:
        return None
    kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return Asked(_grey(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=kind)))


def inverted(picture: Grey, _random: Generator) -> Asked:
    return Asked(np.invert(picture))


def jpeg(least: int, most: int, picture: Grey, random: Generator) -> Asked:
    quality = int(random.integers(least, most + 1))
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return Asked(_grey(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)))


TRANSFORMATIONS: dict[str, Transformation] = {
    **{f"cut, margin {margin}": partial(cut, margin) for margin in MARGINS},
    "pad 1 to 10": partial(padded, 0, 10),
    "pad 10 to 40": partial(padded, 10, 40),
    "scale 0.3 to 1": partial(scaled, 0.3, 1.0),
    "scale 1 to 6": partial(scaled, 1.0, 6.0),
    "invert": inverted,
    "JPEG 20 to 50": partial(jpeg, 20, 50),
    "JPEG 50 to 95": partial(jpeg, 50, 95),
}


def _grey(picture: object) -> Grey:
    return np.asarray(picture, np.uint8)
