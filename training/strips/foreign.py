"""Pictures that are no strip of one number: letters, words, signs, marks, scribbles, pages of several lines."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.non_digits import letters, marks
from training.scans.papers import on_paper
from training.scans.pens import textured
from training.scans.scanner import digitised, resized
from training.strips.compose import Composer, Strip
from training.strips.hands import HEIGHT, Hands, cut
from training.strips.strange import StrangeComposer

Picture = NDArray[np.uint8]

STRANGE, WORDS, MARKED, LINES = 0.4, 0.25, 0.1, 0.15
"""Shares of pictures: a number with something among its digits that is none; letters or signs beside each other; a
number struck out, a dash or a cross; several lines of digits. The others show one mark."""
LONGEST = 6
"""Letters and signs beside each other."""
MOST_LINES = 12
FOREIGN = "foreign"

GLYPHS: tuple[Callable[[Generator], Picture], ...] = (letters.handwritten, letters.printed, letters.sign)
MARKS: tuple[Callable[[Generator], Picture], ...] = (
    marks.cross,
    marks.tick,
    marks.dots,
    marks.crossed_circle,
    marks.scribble,
    marks.blackened,
    marks.wave,
    marks.arrow,
    marks.tally,
    marks.grid,
    marks.star,
    marks.stamp,
)


class ForeignComposer:
    """Draws such pictures. Whatever is read in one is wrong, but the digits of a number with something among them that
    nobody takes for one: a struck out digit or a letter."""

    def __init__(self, hands: Hands) -> None:
        self._strange, self._usual = StrangeComposer(hands), Composer(hands)

    def draw(self, random: Generator) -> Strip:
        draw = random.random()
        if draw < STRANGE:
            return self._strange.draw(random)
        if draw < STRANGE + MARKED:
            return _nothing(self._usual.marked(random)[0])
        if draw < STRANGE + MARKED + LINES:
            return _nothing(self._lines(random))
        kinds = GLYPHS if draw < STRANGE + MARKED + LINES + WORDS else MARKS
        many = int(random.integers(1, LONGEST + 1)) if kinds is GLYPHS else 1
        glyph = kinds[int(random.integers(len(kinds)))]
        return _nothing(_scanned([cut(glyph(random)) for _ in range(many)], random))

    def _lines(self, random: Generator) -> Picture:
        """Strips above each other, as on a page."""
        strips = [self._usual.draw(random).picture for _ in range(int(random.integers(2, MOST_LINES)))]
        height = min(len(each) for each in strips)
        rows = [resized(each, height / len(each)) for each in strips]
        page = np.full((sum(map(len, rows)), max(each.shape[1] for each in rows)), 235, np.uint8)
        top = 0
        for row in rows:
            page[top : top + len(row), : row.shape[1]] = row
            top += len(row)
        return page


def _scanned(glyphs: list[Picture], random: Generator) -> Picture:
    """These beside each other on paper."""
    gap, margin = int(random.uniform(2, 20)), int(HEIGHT * random.uniform(0.1, 0.6))
    scaled = [resized(each, HEIGHT * random.uniform(0.7, 1.1) / len(each)) for each in glyphs]
    height = max(map(len, scaled))
    canvas = np.zeros((height + 2 * margin, sum(each.shape[1] + gap for each in scaled) + 2 * margin), np.uint8)
    left = margin
    for each in scaled:
        top = margin + height - len(each)
        canvas[top : top + len(each), left : left + each.shape[1]] = each
        left += each.shape[1] + gap
    scale = float(np.clip(np.exp(random.normal(np.log(0.7), 0.35)), 0.25, 2.0))
    sheet = on_paper(resized(textured(canvas, random), scale), random, shaded=True)
    return digitised(sheet, HEIGHT * scale, random, bilevel=False)


def _nothing(picture: Picture) -> Strip:
    return Strip(picture, "", FOREIGN, "", ())
