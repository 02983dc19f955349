"""Strips in which something stands among the digits that is none: a slash, a minus, a letter, a digit struck out."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.strips.lattice import SIGN
from training.strips.compose import Composer, Glyph, stroke
from training.strips.hands import HEIGHT, LETTERS, PoolHand, WriterHand, cut

Picture = NDArray[np.uint8]

SLASH, STRUCK = "/", "s"
BARE = 0.6
"""Share of the strips without boxes that have no other mark."""
SLASHED, DATED, MINUS, LETTERED = 0.33, 0.07, 0.15, 0.2
"""Shares of strips with a slash, with two as dates have, with a minus before them, and with a letter; in the others a
digit is struck out."""
LEVEL, TWICE, CROSSED, SLANTED = 0.3, 0.2, 0.25, 0.12
"""Shares of the digits struck out by a level stroke, by two, by a cross and by a slanted stroke; the others are
scribbled over."""


class StrangeComposer(Composer):
    """Draws such strips; its ``characters`` have SIGN where something is no digit."""

    def _write(self, text: str, kind: str, random: Generator) -> str:
        boxed = kind in ("boxed", "combed")
        line = text if boxed or random.random() < BARE else super()._write(text, kind, random)
        draw = random.random()
        if draw < SLASHED:
            return _put_in(line, SLASH, int(random.integers(1, len(line) + 1)))
        if draw < SLASHED + DATED and len(line) > 3:
            return SLASH.join((line[:2], line[2:-1], line[-1:]))
        if draw < SLASHED + DATED + MINUS:
            return f"-{line}"
        mark = STRUCK
        if draw < SLASHED + DATED + MINUS + LETTERED:
            mark = LETTERS[int(random.integers(len(LETTERS)))]
            if random.random() < 0.5:
                return mark + line
        return _put_in(line, mark, int(random.integers(0, len(line) + 1)))

    def _glyph(self, mark: str, hand: PoolHand | WriterHand, random: Generator) -> Glyph:
        if mark == SLASH:
            tall = random.uniform(0.9, 1.5) * HEIGHT
            ink = stroke(random.uniform(0.0, 0.6) * tall, -tall, hand.width)
            return Glyph(SIGN, ink, -random.uniform(0, 0.2) * HEIGHT)
        if mark == STRUCK:
            glyph = super()._glyph(hand.knows[int(random.integers(len(hand.knows)))], hand, random)
            margin = int(random.uniform(4, 14))
            ink = struck_out(np.pad(glyph.ink, margin), max(2, round(hand.width * random.uniform(0.7, 1.3))), random)
            return Glyph(SIGN, cut(ink), glyph.rise - margin / 2)
        return super()._glyph(mark, hand, random)


def struck_out(ink: Picture, width: int, random: Generator) -> Picture:
    """``ink`` with strokes of this width over it."""
    height, across = ink.shape

    def line(*ends: float) -> None:
        left, top, right, bottom = ends
        begin, end = (int(left * across), int(top * height)), (int(right * across), int(bottom * height))
        cv2.line(ink, begin, end, (255,), width, cv2.LINE_AA)

    draw = random.random()
    if draw < LEVEL:
        line(*random.uniform((0, 0.3, 0.85, 0.3), (0.15, 0.7, 1, 0.7)))
    elif draw < LEVEL + TWICE:
        line(*random.uniform((0, 0.3, 0.85, 0.2), (0.15, 0.5, 1, 0.5)))
        line(*random.uniform((0, 0.5, 0.85, 0.5), (0.15, 0.8, 1, 0.8)))
    elif draw < LEVEL + TWICE + CROSSED:
        line(*random.uniform((0, 0, 0.8, 0.8), (0.2, 0.2, 1, 1)))
        line(*random.uniform((0.8, 0, 0, 0.8), (1, 0.2, 0.2, 1)))
    elif draw < LEVEL + TWICE + CROSSED + SLANTED:
        line(*random.uniform((0, 0.8, 0.8, 0), (0.2, 1, 1, 0.2)))
    else:
        points = random.uniform(0, 1, (int(random.integers(5, 12)), 2))
        for one, other in pairwise(points):
            line(*one, *other)
    return ink


def _put_in(text: str, mark: str, place: int) -> str:
    return text[:place] + mark + text[place:]
