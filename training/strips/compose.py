"""Strings of digits as people write them, composed of single digits: on paper, in boxes, on rules, touching or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.strips.lattice import DASH, POINT, SIGN
from training.scans.papers import on_paper
from training.scans.pens import textured
from training.scans.scanner import digitised, resized
from training.strips.hands import HEIGHT, LETTERS, MARKS, SIZE, Hands, PoolHand, WriterHand, cut, penned

Picture = NDArray[np.uint8]
Box = tuple[int, int]
"""Left and right column of a character's ink."""

LONGEST = 14
SHORTER = 0.2
"""Of strings that have so many digits already, the share that ends there."""
ROUND = 0.25
"""Share of strings that end with zeros, as amounts do."""
BOXED, COMBED, FRAMED, RULED = 0.17, 0.08, 0.1, 0.15
"""Share of strings written into boxes, on a comb, into one box and on a rule; the others are on plain paper."""
TOUCHING = 0.35
"""Share of strings without boxes whose digits stand so close that some of them touch."""
OVERLAP = 0.3
"""Greatest overlap of digits that touch, by the width of the narrower: two strokes of a pen are not one."""
OF_WRITERS = 0.45
"""Share of strings by one writer, where writers are known."""
GROUPED, DECIMAL, DASHED, BEFORE, BEHIND = 0.1, 0.1, 0.04, 0.12, 0.12
"""Share of strings with separators between thousands, before hundredths, with dashes; with signs before and behind."""
SPACED = 0.08
"""Share of strings with a gap somewhere in them."""
BILEVEL = 0.2
STRAY = 0.12
"""Share of pictures at whose upper or lower edge something else begins."""
ENDINGS = ("-", "=", ".-", ",-", "#", "*", "--")
MARKED = (DASH, "cross", "struck_out")
GAP = " "


@dataclass(frozen=True)
class Strip:
    """A scan of a string of digits.

    Attributes:
        picture: uint8 [height, width], dark ink on light paper.
        text: its digits.
        kind: how it was drawn: "free", "ruled", "boxed", "combed" or "framed", and "touching".
        characters: all that is written, one of the alphabet of numbers for each box.
        boxes: (left, right) of the ink of each, in columns of the picture.
    """

    picture: Picture
    text: str
    kind: str
    characters: str
    boxes: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class _Line:
    """Where a string is written: its base line, the width of a box, and the space before its first digit."""

    base: int
    pitch: int
    margin: int


@dataclass(frozen=True)
class Glyph:
    """One character: its ``ink`` cut to its box, and the pixels from the base line up to its lower edge."""

    character: str
    ink: Picture
    rise: float = 0.0


class Composer:
    """Draws strips by some hands; the same hands and generator give the same strips."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        digits = hands.digits
        self._rows = [np.flatnonzero(digits.labels == label) for label in range(10)]
        self._weights = digits.images.astype(np.float32).sum(axis=(1, 2)) / 255

    def draw(self, random: Generator) -> Strip:
        """One strip of 1 to 14 digits."""
        kind = _kind(random)
        hand = self._hand(random)
        written = self._write(_text(random, hand.knows), kind, random)
        glyphs = [self._glyph(mark, hand, random) for mark in written if mark != GAP]
        ink, places = _drawn(glyphs, written, kind, random)
        scale = float(np.clip(np.exp(random.normal(np.log(0.7), 0.35)), 0.25, 2.0))
        bilevel = random.random() < BILEVEL
        if random.random() < STRAY:
            self._stray(ink, random)
        sheet = on_paper(resized(textured(ink, random), scale), random, shaded=not bilevel)
        boxes = tuple((left * scale, right * scale) for left, right in places)
        characters = "".join(glyph.character for glyph in glyphs)
        text = "".join(character for character in characters if character in DIGITS)
        return Strip(digitised(sheet, HEIGHT * scale, random, bilevel=bilevel), text, kind, characters, boxes)

    def marked(self, random: Generator) -> tuple[Picture, str]:
        """A strip as people mark it that has no number, or none any more, and what it shows: "-", "cross" or
        "struck_out"."""
        kind = MARKED[int(random.integers(len(MARKED)))]
        hand = self._hand(random)
        if kind == "struck_out":
            written = _written(_text(random, hand.knows), "free", random)
            glyphs = [self._glyph(mark, hand, random) for mark in written if mark != GAP]
            ink, _ = _drawn(glyphs, written, "free", random)
        else:
            side = int(HEIGHT * random.uniform(1.2, 1.8))
            ink = np.zeros((side, int(side * random.uniform(1.0, 6.0))), np.uint8)
        height, width = ink.shape
        ends = random.uniform((0.02, 0.3, 0.7, 0.3), (0.3, 0.7, 0.98, 0.7))
        lines = [ends] if kind == DASH else [ends] * int(random.random() < 0.6)
        if kind == "cross" or not lines:
            lines = [np.array((*random.uniform(0, 0.25, 2), *random.uniform(0.75, 1, 2)))]
            if kind == "cross" or random.random() < 0.5:
                lines.append(np.array((*random.uniform((0.75, 0), (1, 0.25)), *random.uniform((0, 0.75), (0.25, 1)))))
        for left, top, right, bottom in lines:
            begin, end = (int(left * width), int(top * height)), (int(right * width), int(bottom * height))
            cv2.line(ink, begin, end, (255,), max(2, round(hand.width)), cv2.LINE_AA)
        scale = float(np.clip(np.exp(random.normal(np.log(0.7), 0.35)), 0.25, 2.0))
        sheet = on_paper(resized(textured(ink, random), scale), random, shaded=True)
        return digitised(sheet, HEIGHT * scale, random, bilevel=False), kind

    def _write(self, text: str, kind: str, random: Generator) -> str:
        """``text`` with separators and signs, and GAP for a space."""
        return _written(text, kind, random)

    def _hand(self, random: Generator) -> PoolHand | WriterHand:
        writers = self._hands.writers
        if writers and random.random() < OF_WRITERS:
            return WriterHand(writers[int(random.integers(len(writers)))], random)
        return PoolHand(self._hands.digits, self._rows, self._weights, random)

    def _glyph(self, mark: str, hand: PoolHand | WriterHand, random: Generator) -> Glyph:
        if mark in DIGITS:
            return Glyph(mark, resized(hand.glyph(mark, random), float(np.exp(random.normal(0, SIZE)))))
        if mark in ",.":
            return _point(mark, hand.width, random)
        if mark in "-=":
            return _dash(mark, hand.width, random)
        some = self._hands.signs.get(mark)
        if not some:
            return _dash("-", hand.width, random)
        tall = random.uniform(0.85, 1.35) if mark == "$" else random.uniform(0.6, 1.0)
        ink = penned(some[int(random.integers(len(some)))], tall * HEIGHT, hand.width)
        return Glyph(SIGN, ink, -0.12 * HEIGHT if tall > 1 else random.uniform(0, 0.2) * HEIGHT)

    def _stray(self, ink: Picture, random: Generator) -> None:
        """A part of what is written above or below, in place."""
        hand = self._hand(random)
        glyph = hand.glyph(hand.knows[int(random.integers(len(hand.knows)))], random)
        visible = int(random.uniform(0.05, 0.16) * HEIGHT)
        part = glyph[-visible:] if random.random() < 0.5 else glyph[:visible]
        left = int(random.integers(0, max(1, ink.shape[1] - part.shape[1])))
        part = part[:, : ink.shape[1] - left]
        rows = slice(0, len(part)) if random.random() < 0.5 else slice(ink.shape[0] - len(part), None)
        place = ink[rows, left : left + part.shape[1]]
        np.maximum(place, part, out=place)


def _point(mark: str, width: float, random: Generator) -> Glyph:
    """A full stop or a comma: a short stroke of the pen at the base line."""
    down = random.uniform(0.0, 0.08) if mark == "." else random.uniform(0.12, 0.32)
    rise = random.uniform(-0.02, 0.08) if mark == "." else random.uniform(-0.25, -0.02)
    lean = random.uniform(-0.3, 0.15)
    return Glyph(POINT, stroke(lean * down * HEIGHT, down * HEIGHT, width * random.uniform(0.8, 1.3)), rise * HEIGHT)


def _dash(mark: str, width: float, random: Generator) -> Glyph:
    across, rise = random.uniform(0.2, 0.7) * HEIGHT, random.uniform(0.3, 0.55) * HEIGHT
    first = stroke(across, random.normal(0, 0.05) * HEIGHT, width)
    if mark == "-":
        return Glyph(DASH, first, rise)
    second = stroke(across * random.uniform(0.8, 1.1), random.normal(0, 0.04) * HEIGHT, width)
    apart = int(random.uniform(0.1, 0.2) * HEIGHT)
    both = np.zeros((len(first) + len(second) + apart, max(first.shape[1], second.shape[1])), np.uint8)
    both[: len(first), : first.shape[1]], both[-len(second) :, : second.shape[1]] = first, second
    return Glyph(DASH, both, rise - apart / 2)


def stroke(across: float, down: float, width: float) -> Picture:
    """A straight stroke by a pen, cut to its ink."""
    margin = int(width) + 2
    canvas = np.zeros((int(abs(down)) + 2 * margin + 1, int(abs(across)) + 2 * margin + 1), np.uint8)
    left, top = (abs(across) - across) / 2 + margin, (abs(down) - down) / 2 + margin
    begin, end = (round(left), round(top)), (round(left + across), round(top + down))
    cv2.line(canvas, begin, end, (255,), max(2, round(width)), cv2.LINE_AA)
    return cut(canvas)


def _drawn(glyphs: Sequence[Glyph], written: str, kind: str, random: Generator) -> tuple[Picture, list[Box]]:
    """The glyphs on one line with the print of their kind, and the columns of each."""
    down = int(HEIGHT * random.uniform(0.05, 0.5))
    pitch, margin = int(HEIGHT * random.uniform(0.85, 1.4)), int(HEIGHT * random.uniform(0.0, 0.6))
    tallest = max(int(len(glyph.ink) + glyph.rise) for glyph in glyphs)
    line = _Line(down + 12 + max(HEIGHT, tallest), pitch, margin)
    lefts = _lefts(glyphs, written, kind, line, random)
    right = max(left + glyph.ink.shape[1] for left, glyph in zip(lefts, glyphs, strict=True))
    if kind in ("boxed", "combed"):
        right = max(right, margin + pitch * len(glyphs))
    canvas = np.zeros((line.base + 16 + down, right + margin + 1), np.uint8)
    drift = random.normal(0, 0.02)
    places = []
    for left, glyph in zip(lefts, glyphs, strict=True):
        height, width = glyph.ink.shape
        top = int(line.base - height - glyph.rise + random.normal(0, 0.05) * HEIGHT + drift * left)
        top = min(max(top, 0), canvas.shape[0] - height)
        place = canvas[top : top + height, left : left + width]
        np.maximum(place, glyph.ink, out=place)
        places.append((left, left + width))
    return _printed(canvas, kind, line, len(glyphs), random), places


def _text(random: Generator, known: str) -> str:
    """Digits of those that a hand knows."""
    length = int(min(random.geometric(SHORTER), LONGEST))
    text = "".join(known[place] for place in random.integers(0, len(known), length))
    if random.random() < ROUND and length > 1 and "0" in known:
        zeros = int(random.integers(1, min(length, 4)))
        text = text[: length - zeros] + "0" * zeros
    return text


def _written(text: str, kind: str, random: Generator) -> str:
    """``text`` with separators and signs, and GAP for a space."""
    if kind in ("boxed", "combed"):
        return text
    whole, rest = text, ""
    if len(text) > 2 and random.random() < DECIMAL:
        whole, rest = text[:-2], f"{random.choice(list(',.'))}{text[-2:]}"
    if len(whole) > 3 and random.random() < GROUPED:
        mark = random.choice(list(",. "))
        groups = [whole[max(0, end - 3) : end] for end in range(len(whole), 0, -3)][::-1]
        whole = mark.join(groups)
    elif len(whole) > 3 and random.random() < DASHED:
        at = int(random.integers(1, len(whole)))
        whole = f"{whole[:at]}-{whole[at:]}"
    elif len(whole) > 1 and random.random() < SPACED:
        at = int(random.integers(1, len(whole)))
        whole = f"{whole[:at]}{GAP}{whole[at:]}"
    found = whole + rest
    if random.random() < BEFORE:
        draw = random.random()
        found = ("$" if draw < 0.5 else _some(LETTERS, random) + "$" * int(draw > 0.8) if draw < 0.9 else "#") + found
    if random.random() < BEHIND:
        found += str(random.choice([*ENDINGS, _some(LETTERS, random), _some(MARKS, random)]))
    return found


def _some(marks: str, random: Generator) -> str:
    return marks[int(random.integers(len(marks)))]


def _kind(random: Generator) -> str:
    draw = random.random()
    for kind, share in (("boxed", BOXED), ("combed", COMBED)):
        if draw < share:
            return kind
        draw -= share
    kind = "framed" if draw < FRAMED else "ruled" if draw < FRAMED + RULED else "free"
    return f"{kind}, touching" if random.random() < TOUCHING else kind


def _lefts(glyphs: Sequence[Glyph], written: str, kind: str, line: _Line, random: Generator) -> list[int]:
    """The left column of each glyph."""
    spacing = random.uniform(0.05, 0.4) * HEIGHT
    lefts: list[int] = []
    at = float(line.margin)
    following = iter(glyphs)
    for mark in written:
        if mark == GAP:
            at += random.uniform(0.3, 0.8) * HEIGHT
            continue
        width = next(following).ink.shape[1]
        if kind in ("boxed", "combed"):
            at = line.margin + len(lefts) * line.pitch + (line.pitch - width) / 2 + random.normal(0, 0.06) * HEIGHT
            lefts.append(max(0, int(at)))
            continue
        lefts.append(int(max(0.0, at)))
        if kind.endswith("touching"):
            narrower = min(width, glyphs[len(lefts)].ink.shape[1]) if len(lefts) < len(glyphs) else width
            at += width - min(random.uniform(-0.04, 0.14) * HEIGHT, OVERLAP * narrower)
        else:
            at += width + max(0.03 * HEIGHT, random.normal(spacing, 0.06 * HEIGHT))
    return lefts


def _printed(canvas: Picture, kind: str, line: _Line, count: int, random: Generator) -> Picture:
    """``canvas`` with the print of its kind over it."""
    printed = np.zeros_like(canvas)
    thickness, strength = int(random.integers(1, 4)), random.uniform(0.3, 1.0)
    bottom = canvas.shape[0] - 2
    if kind.startswith("ruled"):
        row = int(min(bottom, line.base + random.normal(0.05, 0.06) * HEIGHT))
        end = (canvas.shape[1], int(row + random.normal(0, 1.5)))
        cv2.line(printed, (0, row), end, (255,), thickness, cv2.LINE_AA)
    elif kind.startswith("framed"):
        top = max(1, int(line.base - HEIGHT * random.uniform(1.1, 1.35)))
        corner = (canvas.shape[1] - 2, min(bottom, int(line.base + HEIGHT * random.uniform(0.1, 0.25))))
        cv2.rectangle(printed, (1, top), corner, (255,), thickness, cv2.LINE_AA)
    elif kind in ("boxed", "combed"):
        top = max(1, int(line.base - HEIGHT * random.uniform(1.1, 1.3)))
        bottom = min(bottom, int(line.base + HEIGHT * 0.15))
        columns = [min(canvas.shape[1] - 1, line.margin + number * line.pitch) for number in range(count + 1)]
        if kind == "boxed":
            cv2.line(printed, (columns[0], top), (columns[-1], top), (255,), thickness, cv2.LINE_AA)
        else:
            top = int(bottom - (bottom - top) * random.uniform(0.2, 0.5))
        cv2.line(printed, (columns[0], bottom), (columns[-1], bottom), (255,), thickness, cv2.LINE_AA)
        for column in columns:
            cv2.line(printed, (column, top), (column, bottom), (255,), thickness, cv2.LINE_AA)
    return np.maximum(canvas, cv2.convertScaleAbs(printed, alpha=strength))
