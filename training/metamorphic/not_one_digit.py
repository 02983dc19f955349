"""Pictures that hold more, less or other than one whole digit, made of real digits by the pens of strokes.py.

Each function takes a digit's picture and its ink's box, or none, and gives a picture, dark on light.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.metamorphic.digits import Digit, on_paper
from training.metamorphic.pictures import Box, Grey, cut_to, four, grey, ink_box, padded, paper_of, pen_width
from training.metamorphic.strokes import ring, straight, stroke

Share = NDArray[np.float64]
"""Ink, from 0 to 1: [height, width]."""

Pick = Callable[[], Digit]
"""A digit that stands apart from the edges of its picture, drawn by lot."""

ROOM = 40
"""Pixels of paper around a digit for strokes that reach beyond it."""
SIDES = 4
HIDDEN = 0.6
"""Share of a digit that another one on it may hide."""
LEAST_INK = 0.15


class Case(NamedTuple):
    """``label`` is the digit that is in it, None for none or several; ``whole`` where it may be accepted as that."""

    picture: Grey
    label: int | None = None
    whole: bool = False


class _Laid(NamedTuple):
    """A digit with room about it, where it is, how wide its pen is and how dark its ink."""

    picture: Grey
    box: Box
    pen: float
    ink: int
    label: int


def _laid(pick: Pick) -> _Laid:
    digit = pick()
    wide = padded(digit.picture, (ROOM,) * 4)
    box = ink_box(wide)
    if box is None:
        raise ValueError(f"{digit.name} has no ink apart from its edges")
    return _Laid(wide, box, pen_width(digit.picture), int(digit.picture.min()), digit.label)


def _cut(picture: Grey, margin: int | None, random: Generator) -> Grey:
    """To all its ink and ``margin`` px, or as many for each side by itself from 0 to 10."""
    box = ink_box(picture)
    if box is None:
        return picture
    return cut_to(picture, box, four(0, 10, random) if margin is None else (margin,) * 4)


def struck_out(slant: float, pick: Pick, random: Generator) -> Case:
    """By one line, level with 0 and from corner to corner with 1, which begins and ends outside the digit.

    No level one goes through a 4 or a 7: it may be their bar.
    """
    laid = _laid(pick)
    while slant == 0 and laid.label in (4, 7):
        laid = _laid(pick)
    box = laid.box
    left, right = (random.uniform(0.1, 0.3) * box.height for _ in range(2))
    middle = box.top + box.height * random.uniform(0.38, 0.62)
    half = slant * box.height * random.uniform(0.35, 0.55) * (1 if random.random() < 0.5 else -1)
    tilt = random.normal(0, 0.04) * box.height
    start, end = (box.left - left, middle + half), (box.right + right, middle - half + tilt)
    line = straight(start, end, 0.02 * box.height, random)
    return Case(
        _cut(stroke(laid.picture, line, laid.pen * random.uniform(0.5, 1.2), laid.ink), None, random), laid.label
    )


def circled(pick: Pick, random: Generator) -> Case:
    laid = _laid(pick)
    box = laid.box
    middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    half = max(box.height, box.width) / 2
    across, down = (half * random.uniform(1.2, 1.5) for _ in range(2))
    around = ring(middle, (across, down), 0.04, random)
    return Case(
        _cut(stroke(laid.picture, around, laid.pen * random.uniform(0.5, 1.2), laid.ink), None, random), laid.label
    )


def overwritten(pick: Pick, random: Generator) -> Case:
    """Two different digits on the same place, each of which shows beside the other."""
    while True:
        first, second = _laid(pick), _laid(pick)
        height = first.box.height
        parts = [_ink(first, height), _ink(second, round(height * random.uniform(0.85, 1.15)))]
        side = max(max(part.shape) for part in parts)
        under, over = (_middled(part, side) for part in parts)
        both = np.minimum(under, over).sum()
        if first.label != second.label and both < HIDDEN * min(under.sum(), over.sum()):
            return Case(_cut(_in_one_ink(np.maximum(under, over), first, random), None, random))


def two_digits(margin: int, pick: Pick, random: Generator) -> Case:
    """Beside each other on one line, touching or up to a fifth of their height apart."""
    first, second = _laid(pick), _laid(pick)
    height = first.box.height
    left, right = _ink(first, height), _ink(second, round(height * random.uniform(0.85, 1.15)))
    gap = round(height * random.uniform(-0.04, 0.2))
    tall = max(len(left), len(right))
    canvas = np.zeros((tall, left.shape[1] + right.shape[1] + gap))
    for part, start in ((left, 0), (right, left.shape[1] + gap)):
        top = round((tall - len(part)) * random.uniform(0.3, 0.7))
        place = canvas[top : top + len(part), start : start + part.shape[1]]
        np.maximum(place, part, out=place)
    return Case(_cut(_in_one_ink(canvas, first, random), margin, random))


def _ink(laid: _Laid, height: int) -> Share:
    """The digit alone, ``height`` px high."""
    part = cut_to(laid.picture, laid.box, (1,) * 4)
    paper = paper_of(laid.picture)
    share = np.clip((paper - part.astype(np.float64)) / (paper - laid.ink), 0, 1)
    # the grain of its paper is no ink
    share[share < LEAST_INK] = 0
    size = (max(2, round(part.shape[1] * height / part.shape[0])), max(2, height))
    return np.asarray(cv2.resize(share, size, interpolation=cv2.INTER_LINEAR), np.float64)


def _middled(share: Share, side: int) -> Share:
    height, width = share.shape
    canvas = np.zeros((side, side))
    top, left = (side - height) // 2, (side - width) // 2
    canvas[top : top + height, left : left + width] = share
    return canvas


def _in_one_ink(share: Share, laid: _Laid, random: Generator) -> Grey:
    return on_paper(share, paper_of(laid.picture), laid.ink, random)


def cut_off(least: float, most: float, pick: Pick, random: Generator) -> Case:
    """At one side, by a share of the digit's width or height; at the other sides there are 0 to 10 px of paper."""
    laid = _laid(pick)
    margins = list(four(0, 10, random))
    side = int(random.integers(SIDES))
    extent = laid.box.width if side % 2 == 0 else laid.box.height
    margins[side] = 0
    cut = cut_to(laid.picture, laid.box, (margins[0], margins[1], margins[2], margins[3]))
    lost = max(1, round(extent * random.uniform(least, most)))
    kept = (cut[:, lost:], cut[lost:], cut[:, :-lost], cut[:-lost])[side]
    return Case(kept, laid.label, whole=True)


def faint(pick: Pick, random: Generator) -> Case:
    """Ink 8 to 25 grey levels from its paper, whose grain stays under a seventh of that."""
    laid = _laid(pick)
    levels = random.uniform(8, 25)
    paper = random.uniform(150, 255)
    dark, light = int(laid.picture.min()), paper_of(laid.picture)
    values = paper - levels * (light - np.minimum(laid.picture, light).astype(np.float32)) / (light - dark)
    values += random.normal(0, random.uniform(0, levels / 7), values.shape)
    return Case(cut_to(grey(values), laid.box, four(2, 20, random)), laid.label, whole=True)


def blank_paper(_pick: Pick, random: Generator) -> Case:
    return Case(_paper(int(random.integers(30, 120)), int(random.integers(30, 120)), random))


def empty_box(_pick: Pick, random: Generator) -> Case:
    return Case(_framed(random)[0])


def dash(_pick: Pick, random: Generator) -> Case:
    """In a box, or without one."""
    picture, pen, ink = _framed(random) if random.random() < 0.5 else _unframed(random)
    height, width = picture.shape
    half = width * random.uniform(0.15, 0.3)
    middle = (width / 2 + random.normal(0, 0.04) * width, height / 2 + random.normal(0, 0.05) * height)
    tilt = random.normal(0, 0.08) * half
    ends = (middle[0] - half, middle[1] + tilt), (middle[0] + half, middle[1] - tilt)
    return Case(stroke(picture, straight(*ends, 0.02 * height, random), pen, ink))


def cross(_pick: Pick, random: Generator) -> Case:
    """Through the whole of a box, or smaller than it."""
    picture, pen, ink = _framed(random) if random.random() < 0.5 else _unframed(random)
    height, width = picture.shape
    x, y = (random.uniform(0.22, 0.42) * side for side in (width, height))
    middle = width / 2 + random.normal(0, 0.03) * width, height / 2 + random.normal(0, 0.03) * height
    for sign in (1, -1):
        across, down = x * random.uniform(0.85, 1.15), sign * y * random.uniform(0.85, 1.15)
        ends = (middle[0] - across, middle[1] - down), (middle[0] + across, middle[1] + down)
        picture = stroke(picture, straight(*ends, 0.03 * height, random), pen, ink)
    return Case(picture)


def _paper(height: int, width: int, random: Generator) -> Grey:
    """Of some tone and grain, in half of them with light that falls off to one side."""
    values = np.full((height, width), random.uniform(170, 255), np.float32)
    if random.random() < 0.5:
        angle = random.uniform(0, 2 * np.pi)
        across, down = np.meshgrid(np.linspace(-0.5, 0.5, width), np.linspace(-0.5, 0.5, height))
        values += np.float32(random.uniform(0, 40)) * (across * np.cos(angle) + down * np.sin(angle))
    return grey(values + random.normal(0, random.uniform(0, 4), values.shape))


def _unframed(random: Generator) -> tuple[Grey, float, int]:
    side = int(random.integers(40, 110))
    picture = _paper(side, round(side * random.uniform(0.7, 1.1)), random)
    return picture, max(1.5, side * random.uniform(0.04, 0.09)), int(random.integers(20, 110))


def _framed(random: Generator) -> tuple[Grey, float, int]:
    """A box whose printed lines lie in the crop at some sides, or all, as a reader of forms cuts it."""
    picture, pen, ink = _unframed(random)
    height, width = picture.shape
    thin = max(1.0, height * random.uniform(0.015, 0.04))
    printed = int(random.integers(20, 150))
    for line in _lines(height, width, thin, random):
        picture = stroke(picture, line, thin, printed)
    return picture, pen, ink


def _lines(height: int, width: int, thin: float, random: Generator) -> Sequence[list[tuple[float, float]]]:
    """The box's lines that fall into the crop, 0 to 8 % of it from its edges; each goes on to the edge."""
    left, right = (random.uniform(0, 0.08) * width + thin / 2 for _ in range(2))
    top, bottom = (random.uniform(0, 0.08) * height + thin / 2 for _ in range(2))
    lines = [
        [(left, -1.0), (left, height + 1.0)],
        [(width - right, -1.0), (width - right, height + 1.0)],
        [(-1.0, top), (width + 1.0, top)],
        [(-1.0, height - bottom), (width + 1.0, height - bottom)],
    ]
    present = random.random(SIDES) < random.choice((0.5, 1.0))
    return [line for line, there in zip(lines, present, strict=True) if there]
