"""Pages of forms with what was read drawn over them, for people and for paper.

Everything is drawn so that the page only gets darker: ink stays as it is, wherever an outline or a value lies over it.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from digitmill.domain.form_page import Corners
from digitmill.imaging.drawn.latin import latin

Grey = NDArray[np.uint8]
Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
_Place = tuple[int, int, tuple[int, int]]
"""How many pixels are taken, its turn among the places, and its left and top."""
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

LONGEST, SHORTEST = 2048, 1400
"""Pixels of the longer side of a page; one that is coarser than the least is enlarged, or values had no room."""
EMPTY_PAGE = (1980, 1400)
"""Height and width of what stands for a page that cannot be opened: A4 upright."""
LETTER = 0.0115
"""Height of letters by the longer side of the page."""
LONGEST_TEXT = 24
"""Letters of a value that are shown."""
LONGEST_TITLE = 80
SMALL = 0.8
"""Of these letters, those of a value that has no free place beside its field."""
FREE = 0.04
"""Share of a place that may be taken."""
ROOM, STEPS = 0.12, 7
"""Of a field's shorter side, so much is left along its outline; and so many places of a value are tried each way."""
DARK = 0.75
"""Of the brightness of the paper: what is darker is ink."""
QUALITY = 80
"""Of a JPEG."""


class Look(StrEnum):
    """What became of a field; each has a colour, a kind of line and a sign of its own."""

    ACCEPTED = "accepted"
    REVIEW = "review"
    CORRECTED = "corrected"
    BLANK = "blank"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Mark:
    """A field: its corners TL TR BR BL in pixels of the decoded scan, and the value to write beside it."""

    corners: Corners
    look: Look
    text: str


@dataclass(frozen=True, slots=True)
class Marking:
    """What to draw over a page.

    Attributes:
        title: the line above the page.
        corners: of the page on its scan, TL TR BR BL; None shows the scan as it is.
        marks: the fields of a page that has corners.
        sentence: what there is to say of the page as a whole.
    """

    title: str
    corners: Corners | None = None
    marks: tuple[Mark, ...] = ()
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class _Style:
    """``dashes`` are the lengths of strokes and of gaps between them, in widths of the line; none: one line."""

    colour: Colour
    tint: Colour
    words: str
    dashes: tuple[int, ...] = ()
    double: bool = False


_STYLES: Mapping[Look, _Style] = {
    Look.ACCEPTED: _Style((0, 110, 75), (222, 244, 232), "accepted"),
    Look.REVIEW: _Style((196, 68, 0), (255, 232, 214), "to review", (6, 3)),
    Look.CORRECTED: _Style((0, 84, 166), (220, 234, 250), "answered by a person", double=True),
    Look.BLANK: _Style((105, 105, 105), (240, 240, 240), "blank", (1, 3)),
    Look.FAILED: _Style((150, 0, 96), (250, 222, 238), "not read", (6, 3, 1, 3)),
}
_INK, _PAPER = (0, 0, 0), (255, 255, 255)


def size_of(corners: Corners) -> tuple[int, int]:
    """Width and height in which the page between these corners is drawn."""
    sides = [math.dist(one, other) for one, other in zip(corners, (*corners[1:], corners[0]), strict=True)]
    width, height = (max(sides[side], sides[side + 2], 1.0) for side in (0, 1))
    scale = _scale_of(max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def scaled(grey: Grey) -> Grey:
    """A whole scan in the size of a page that is drawn."""
    scale = _scale_of(max(grey.shape))
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return grey if scale == 1 else np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)


def _scale_of(longer: float) -> float:
    return min(max(1.0, SHORTEST / longer), LONGEST / longer)


def marked(page: Grey | None, marking: Marking, kind: Literal["PNG", "JPEG"]) -> bytes:
    """The picture of a page with its marks, in colour.

    Args:
        page: laid straight in the size ``size_of`` its corners, or ``scaled``; None where there is no picture of it.
    """
    picture = np.full(EMPTY_PAGE, 255, np.uint8) if page is None else page
    places = _places(marking, picture.shape)
    over = Image.new("RGB", picture.shape[::-1], _PAPER)
    pen = ImageDraw.Draw(over)
    width = max(2, round(max(picture.shape) / 900))
    for mark, corners in zip(marking.marks, places, strict=True):
        _outline(pen, corners, _STYLES[mark.look], width)
    ink = _ink_of(picture)
    busy = ink.copy()
    for corners in places:
        cv2.fillConvexPoly(busy, np.rint(corners).astype(np.int32), 1)
    for mark, corners in zip(marking.marks, places, strict=True):
        _value(pen, mark, corners, ink, busy)
    drawn = np.minimum(picture[:, :, None], np.asarray(over))
    whole = np.concatenate([_head(marking, picture.shape[1], _letter_of(picture.shape)), drawn])
    out = io.BytesIO()
    Image.fromarray(whole).save(out, kind, **({"quality": QUALITY} if kind == "JPEG" else {}))
    return out.getvalue()


def _places(marking: Marking, shape: Sequence[int]) -> list[NDArray[np.float32]]:
    """The corners of each mark, float32 [4, 2], in pixels of the picture of this height and width."""
    if marking.corners is None or not marking.marks:
        return []
    height, width = shape
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
    way = cv2.getPerspectiveTransform(np.array(marking.corners, np.float32), flat)
    corners = np.array([mark.corners for mark in marking.marks], np.float32)
    return list(np.asarray(cv2.perspectiveTransform(corners.reshape(1, -1, 2), way), np.float32).reshape(-1, 4, 2))


def _ink_of(picture: Grey) -> Grey:
    """1 where there is ink, else 0; specks are none."""
    clean = np.asarray(cv2.medianBlur(picture, 3), np.uint8)
    return (clean < DARK * float(np.median(clean))).astype(np.uint8)


def _outline(pen: ImageDraw.ImageDraw, corners: NDArray[np.float32], style: _Style, width: int) -> None:
    middle = corners.mean(axis=0)
    # the second line of two lies outside of the first
    for further in (0, 3) if style.double else (0,):
        away = corners - middle
        away *= 1 + further * width / max(float(np.abs(away).max()), 1.0)
        points = [(float(x), float(y)) for x, y in away + middle]
        for start, end in zip(points, (*points[1:], points[0]), strict=True):
            for one, other in _strokes(start, end, style.dashes, width):
                pen.line([one, other], fill=style.colour, width=width)


def _strokes(
    start: tuple[float, float], end: tuple[float, float], dashes: Sequence[int], width: int
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    length = math.dist(start, end)
    if not dashes or length == 0:
        yield start, end
        return
    at, turn = 0.0, 0
    while at < length:
        until = min(length, at + width * dashes[turn % len(dashes)])
        if turn % 2 == 0:
            yield _between(start, end, at / length), _between(start, end, until / length)
        at, turn = until, turn + 1


def _between(start: tuple[float, float], end: tuple[float, float], share: float) -> tuple[float, float]:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _value(pen: ImageDraw.ImageDraw, mark: Mark, corners: NDArray[np.float32], ink: Grey, busy: Grey) -> None:
    """Sign and text of a field in a free place beside it, which is then taken; where others stand all around, small
    within its outline where least ink is."""
    letter = _letter_of(ink.shape)
    text = writable(mark.text, LONGEST_TEXT)
    size = _tag_size(text, letter)
    taken, _, (left, top) = min(_places_beside(corners, size, busy))
    if taken > FREE * size[0] * size[1]:
        letter = round(SMALL * letter)
        size = _tag_size(text, letter)
        _, _, (left, top) = min(_places_within(corners, size, ink))
    width, side = size
    busy[top : top + side, left : left + width] = 1
    style, letters = _STYLES[mark.look], _font(letter)
    pen.rectangle((left, top, left + width - 1, top + side - 1), fill=style.tint)
    _sign(pen, mark.look, (left + round(0.15 * side), top + round(0.1 * side)), round(0.8 * side), letters)
    pen.text((left + 1.3 * side, top + side / 2), text, fill=style.colour, font=letters, anchor="lm")


def _letter_of(shape: Sequence[int]) -> int:
    return max(12, round(LETTER * max(shape)))


def _tag_size(text: str, letter: int) -> tuple[int, int]:
    """Width and height of a sign and a text."""
    side, letters = _height(letter), _font(letter)
    return round(1.3 * side + (letters.getlength(text) + 0.4 * side if text else 0)), side


def _places_beside(corners: NDArray[np.float32], size: tuple[int, int], busy: Grey) -> Iterator[_Place]:
    """Around a field, the best known first."""
    left, top, right, bottom = _around(corners)
    width, height = size
    gap = max(3, height // 8)
    above, below, middle = top - height - gap, bottom + gap, (top + bottom - height) // 2
    places = [(left, above), (right - width, above), (right + gap, middle), (left - width - gap, middle)]
    return _rated([*places, (left, below), (right - width, below)], size, busy)


def _places_within(corners: NDArray[np.float32], size: tuple[int, int], ink: Grey) -> Iterator[_Place]:
    """Within the outline, those at its left first."""
    left, top, right, bottom = _around(corners)
    width, height = size
    room = round(ROOM * min(right - left, bottom - top))
    across, down = (
        np.linspace(one, max(one, other), STEPS).round().astype(int).tolist()
        for one, other in (
            (left + room, right - room - width),
            (top + room, bottom - room - height),
        )
    )
    return _rated([(x, y) for x in across for y in down], size, ink)


def _around(corners: NDArray[np.float32]) -> Rectangle:
    (left, top), (right, bottom) = np.floor(corners.min(axis=0)).tolist(), np.ceil(corners.max(axis=0)).tolist()
    return int(left), int(top), int(right), int(bottom)


def _rated(places: Sequence[tuple[int, int]], size: tuple[int, int], busy: Grey) -> Iterator[_Place]:
    """Each with how many pixels of it are taken, moved into the picture."""
    (width, height), (down, across) = size, busy.shape
    for turn, (x, y) in enumerate(places):
        left, top = min(max(x, 0), max(across - width, 0)), min(max(y, 0), max(down - height, 0))
        yield int(busy[top : top + height, left : left + width].sum()), turn, (left, top)


def _sign(pen: ImageDraw.ImageDraw, look: Look, place: tuple[int, int], side: int, letters: Font) -> None:
    (x, y), colour, width = place, _STYLES[look].colour, max(2, side // 8)
    if look is Look.ACCEPTED:
        points = [
            (x + 0.1 * side, y + 0.55 * side),
            (x + 0.4 * side, y + 0.85 * side),
            (x + 0.9 * side, y + 0.15 * side),
        ]
        pen.line(points, fill=colour, width=width, joint="curve")
    elif look is Look.REVIEW:
        pen.text((x + side / 2, y + side / 2), "?", fill=colour, font=letters, anchor="mm", stroke_width=1)
    elif look is Look.CORRECTED:
        # head and shoulders
        pen.ellipse((x + 0.3 * side, y, x + 0.7 * side, y + 0.4 * side), fill=colour)
        pen.pieslice((x + 0.05 * side, y + 0.5 * side, x + 0.95 * side, y + 1.4 * side), 180, 360, fill=colour)
    elif look is Look.BLANK:
        pen.ellipse((x + 0.1 * side, y + 0.1 * side, x + 0.9 * side, y + 0.9 * side), outline=colour, width=width)
    else:
        far = 0.85 * side
        pen.line([(x + 0.15 * side, y + 0.15 * side), (x + far, y + far)], fill=colour, width=width)
        pen.line([(x + 0.15 * side, y + far), (x + far, y + 0.15 * side)], fill=colour, width=width)


def _head(marking: Marking, width: int, letter: int) -> NDArray[np.uint8]:
    """The strip above the page: its title, and what the signs mean or the sentence."""
    side, letters = _height(letter), _font(letter)
    lines = [writable(marking.title, LONGEST_TITLE), *_wrapped(marking.sentence, width - side, letters)]
    counts = {look: sum(mark.look is look for mark in marking.marks) for look in Look}
    found = [look for look in Look if counts[look]]
    high = round(1.3 * side * (len(lines) + bool(found)) + 0.8 * side)
    strip = Image.new("RGB", (width, high), _PAPER)
    pen = ImageDraw.Draw(strip)
    for number, line in enumerate(lines):
        pen.text((side / 2, side * (0.9 + 1.3 * number)), line, fill=_INK, font=letters, anchor="lm")
    x, y = side // 2, round(side * (0.4 + 1.3 * len(lines)))
    for look in found:
        _sign(pen, look, (x, y), round(0.8 * side), letters)
        said = f"{counts[look]} {_STYLES[look].words}"
        pen.text((x + 1.1 * side, y + 0.45 * side), said, fill=_STYLES[look].colour, font=letters, anchor="lm")
        x += round(2.4 * side + letters.getlength(said))
    pen.line([(0, high - 1), (width, high - 1)], fill=_INK)
    return np.asarray(strip)


def _wrapped(text: str, width: float, letters: Font) -> Iterator[str]:
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and letters.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    if line:
        yield line


def writable(text: str, most: int) -> str:
    """The text, shortened, in the letters that Pillow's own font has; the images have no other. See ``latin.py``."""
    shown = latin(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _height(letter: int) -> int:
    """Pixels of a line of letters of this size."""
    return round(1.35 * letter)
