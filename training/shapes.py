"""Shapes that Europeans write and MNIST hardly has: crossed sevens, flagged ones, open fours, straight nines.

Some are MNIST's digits with a stroke added, others are drawn from control points that vary at random.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.ink import LARGE

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
Shape = Callable[[Picture, Generator], Picture]

_SUBPIXEL = 4


def european(large: Picture, label: int, random: Generator) -> Picture:
    """``large`` [56, 56] of the digit ``label``, or for a share of some digits another shape of the same."""
    draw = random.random()
    for share, shape in SHAPES.get(label, ()):
        if draw < share:
            return shape(large, random)
        draw -= share
    return large


def _crossed_seven(large: Picture, random: Generator) -> Picture:
    """A bar through the stem, somewhat below the middle, straight or wavy."""
    centre = _ink_at(large, random.uniform(0.42, 0.72))
    return large if centre is None else np.maximum(large, _stroke(_bar(centre, random), _width(large), random))


def _bar(centre: tuple[float, float], random: Generator) -> Points:
    half, slope = random.uniform(5.5, 15), random.uniform(-0.45, 0.2)
    wave = random.uniform(1, 3) if random.random() < 0.4 else 0.0
    along = np.linspace(-1, 1, 7)
    return np.column_stack((centre[0] + half * along, centre[1] + half * slope * along + wave * np.sin(np.pi * along)))


def _serifed_seven(large: Picture, random: Generator) -> Picture:
    """A tick down from the left end of the top stroke; half of them are crossed, too."""
    rows = np.flatnonzero(large.max(axis=1) > 127)
    if not len(rows):
        return large
    top = large[rows[0] : rows[0] + max(1, (rows[-1] - rows[0]) // 4)]
    row, column = min(np.argwhere(top > 127), key=lambda place: int(place[1]))
    start = np.array((column + 2, rows[0] + row))
    end = start + np.array((random.uniform(-3, 1), random.uniform(4, 12)))
    ticked = np.maximum(large, _stroke(np.array((start, end)), _width(large), random))
    return _crossed_seven(ticked, random) if random.random() < 0.5 else ticked


def _new_seven(_: Picture, random: Generator) -> Picture:
    """Straight or wavy at the top, half of them with a serif, which may be long, and most of them crossed."""
    right, foot = random.uniform(0.75, 1.0), random.uniform(0.2, 0.9)
    knee = ((right + foot) / 2 + random.uniform(-0.1, 0.06), 0.5)
    top = [(0, 0.05), (right, random.uniform(-0.05, 0.08))]
    if random.random() < 0.4:
        top[1:1] = [(0.3 * right, random.uniform(-0.06, 0.02)), (0.65 * right, random.uniform(0.04, 0.12))]
    if random.random() < 0.5:
        top.insert(0, (random.uniform(-0.1, 0.04), random.uniform(0.15, 0.42)))
    strokes = [_jittered([*top, knee, (foot, 1)], random)]
    if random.random() < 0.7:
        strokes.append(_bar_across(strokes[0][-2:], random))
    return _drawn(strokes, random.uniform(0.4, 0.8), random)


def _bar_across(stem: Points, random: Generator) -> Points:
    """A bar through the lower half of a seven, given as (knee, foot), straight or wavy."""
    share = random.uniform(-0.1, 0.5)
    middle = (1 - share) * stem[0] + share * stem[1]
    half = np.array((random.uniform(0.2, 0.5), random.uniform(-0.12, 0.06)))
    along = np.linspace(-1, 1, 5)[:, None]
    wave = random.uniform(0.03, 0.08) * np.sin(np.pi * along) if random.random() < 0.4 else np.zeros_like(along)
    return np.asarray(middle + half * along + np.hstack((np.zeros_like(wave), wave)))


def _flagged_one(large: Picture, random: Generator) -> Picture:
    """A stroke from the top of the stem down to the left, short or long, now and then with a foot."""
    top, bottom = _ink_at(large, 0.04), _ink_at(large, 0.97)
    if top is None or bottom is None:
        return large
    length, angle = random.uniform(8, 25), np.deg2rad(random.uniform(45, 65))
    flag = np.array((top, (top[0] - length * np.cos(angle), top[1] + length * np.sin(angle))))
    width = _width(large)
    flagged = np.maximum(large, _stroke(flag, width, random))
    return np.maximum(flagged, _stroke(_foot(bottom, random), width, random)) if random.random() < 0.3 else flagged


def _foot(bottom: tuple[float, float], random: Generator) -> Points:
    halves = random.uniform(5, 10, 2)
    return np.array(
        ((bottom[0] - halves[0], bottom[1]), (bottom[0] + halves[1], bottom[1] + random.uniform(-1.5, 1.5)))
    )


def _new_one(_: Picture, random: Generator) -> Picture:
    """A long upstroke, a stem, and in one case of three a foot."""
    reach = random.uniform(0.3, 0.75)
    lean = random.uniform(-0.1, 0.15)
    stem = [(reach + lean, 0), (reach + lean / 2, 0.5), (reach, 1)]
    strokes = [_jittered([(0, reach * random.uniform(0.75, 1.3)), *stem], random)]
    if random.random() < 0.33:
        strokes.append(
            _jittered([(reach - random.uniform(0.2, 0.4), 1), (reach + random.uniform(0.2, 0.4), 1)], random)
        )
    return _drawn(strokes, random.uniform(0.55, 0.8), random)


def _new_four(_: Picture, random: Generator) -> Picture:
    """Open at the top in three cases of four: an angle, and a stem across its arm."""
    corner, stem = random.uniform(0.52, 0.82), random.uniform(0.6, 0.9)
    closed = random.random() < 0.25
    start = (stem, 0.0) if closed else (random.uniform(0.1, 0.35), random.uniform(0, 0.15))
    angle = _jittered([start, (0, corner), (1.05, corner + random.uniform(-0.08, 0.04))], random)
    top = 0.0 if closed else random.uniform(0.0, corner - 0.15)
    down = _jittered([(stem, top), (stem - random.uniform(-0.02, 0.12), 1)], random)
    return _drawn([angle, down], random.uniform(0.6, 0.9), random)


def _new_nine(_: Picture, random: Generator) -> Picture:
    """A ring, closed or open at the top right, on a straight stem, a bent one or one with a tail."""
    height = random.uniform(0.22, 0.3)
    start, stop = random.uniform(-70, -5), random.uniform(-355, -330)
    turn = np.deg2rad(np.linspace(start, stop, 13))
    ring = np.column_stack((0.5 + 0.45 * np.cos(turn), height + height * np.sin(turn)))
    ring[0] += random.normal(0, 0.03, 2)
    top = (random.uniform(0.9, 1.0), random.uniform(0.0, 0.2))
    lean = random.uniform(-0.05, 0.3)
    tail = random.random()
    if tail < 0.35:
        stem = [top, (top[0] - lean, 1)]
    elif tail < 0.6:
        stem = [top, (top[0] - 0.05, 0.6), (top[0] - 0.25, 0.9), (random.uniform(0.1, 0.4), 1)]
    else:
        stem = [
            top,
            (top[0], 0.7),
            (top[0] - 0.15, 0.95),
            (0.45, 1),
            (random.uniform(-0.1, 0.2), random.uniform(0.72, 0.9)),
        ]
    return _drawn([ring, _jittered(stem, random)], random.uniform(0.45, 0.85), random)


def _new_six(_: Picture, random: Generator) -> Picture:
    """A nearly straight stroke down into a ring."""
    height = random.uniform(0.2, 0.28)
    turn = np.deg2rad(np.linspace(180, 180 - random.uniform(330, 400), 14))
    ring = np.column_stack((0.5 + 0.45 * np.cos(turn), 1 - height + height * np.sin(turn)))
    stem = _jittered([(random.uniform(0.35, 0.9), 0), (random.uniform(0.15, 0.3), 0.4)], random)
    return _drawn([np.concatenate((stem, ring))], random.uniform(0.5, 0.75), random)


def _looped_two(_: Picture, random: Generator) -> Picture:
    """With a loop at the lower left."""
    loop = random.uniform(0.06, 0.14)
    shape = [(0.08, 0.25), (0.3, 0.02), (0.75, 0.08), (0.78, 0.35), (0.45, 0.7), (0.2, 0.98), (0.02, 1 - loop)]
    shape += [(0.15, 0.98 - 2 * loop), (0.45, 1 - loop), (0.75, 1), (1, 0.93)]
    return _drawn([_jittered(shape, random)], random.uniform(0.6, 0.85), random)


def _slashed_zero(large: Picture, random: Generator) -> Picture:
    x, y, width, height = cv2.boundingRect(cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)[1])
    if width < LARGE / 3:
        return large
    over = random.uniform(-0.1, 0.12)
    ends = ((x + (1 + over) * width, y - over * height), (x - over * width, y + (1 + over) * height))
    return np.maximum(large, _stroke(np.array(ends), _width(large), random))


_CORNERS = {"a": (0.0, 0.0), "b": (1.0, 0.0), "c": (0.0, 0.5), "d": (1.0, 0.5), "e": (0.0, 1.0), "f": (1.0, 1.0)}
"""Of two squares, one upon the other: a b above, c d in the middle, e f below."""
_SEGMENTS = (
    ("abfeab",),
    ("bf",),
    ("abdcef",),
    ("abfe", "cd"),
    ("acd", "bf"),
    ("bacdfe",),
    ("baefdc",),
    ("abf",),
    ("abfeab", "cd"),
    ("dcabfe",),
)
"""The strokes of each digit from corner to corner."""


def _angular(label: int) -> Shape:
    """The digit as people write it over the printed guides of a seven-segment display."""

    def drawn(_: Picture, random: Generator) -> Picture:
        middle = np.array((0, random.normal(0, 0.04)))
        corners = {
            name: place + random.normal(0, 0.03, 2) + middle * (name in "cd") for name, place in _CORNERS.items()
        }
        strokes = [_squared(np.array([corners[name] for name in stroke])) for stroke in _SEGMENTS[label]]
        return _drawn(strokes, random.uniform(0.4, 0.75), random)

    return drawn


def _squared(points: Points) -> Points:
    """``points`` with two more beside each, so that only the tips of its corners are rounded."""
    first, last = points[:-1], points[1:]
    beside = np.stack((0.9 * first + 0.1 * last, 0.1 * first + 0.9 * last), axis=1)
    parts = np.concatenate((first[:, None], beside), axis=1).reshape(-1, 2)
    return np.concatenate((parts, points[-1:]))


def _jittered(points: list[tuple[float, float]], random: Generator) -> Points:
    return np.array(points) + random.normal(0, 0.025, (len(points), 2))


def _drawn(strokes: list[Points], aspect: float, random: Generator) -> Picture:
    """``strokes``, given in a square from 0 to 1, as a digit 40 pixels high."""
    width = random.uniform(2, 6)
    places = [(LARGE / 2, LARGE / 2) + (stroke - 0.5) * (40 * aspect, 38) for stroke in strokes]
    return reduce(np.maximum, [_stroke(place, width, random) for place in places])


def _stroke(points: Points, width: float, random: Generator) -> Picture:
    """A line of about ``width`` pixels through ``points``, bent softly or with corners: uint8 [56, 56]."""
    if len(points) > 2 and random.random() < 0.7:
        points = _rounded(points)
    drawn = np.zeros((LARGE, LARGE), np.uint8)
    places = np.rint(points * (1 << _SUBPIXEL)).astype(np.int32)
    thickness = max(1, round(width * random.uniform(0.75, 1.15)))
    return np.asarray(cv2.polylines(drawn, [places], False, 255, thickness, cv2.LINE_AA, _SUBPIXEL), np.uint8)


def _rounded(points: Points) -> Points:
    """The corners cut twice (Chaikin, "An algorithm for high-speed curve generation", 1974)."""
    for _ in range(2):
        first, last = points[:-1], points[1:]
        cut = np.stack((0.75 * first + 0.25 * last, 0.25 * first + 0.75 * last), axis=1).reshape(-1, 2)
        points = np.concatenate((points[:1], cut[1:-1], points[-1:]))
    return points


def _width(large: Picture) -> float:
    """Pixels across the strokes of ``large``: somewhat less than four times the mean distance to the paper."""
    distance = cv2.distanceTransform(cv2.threshold(large, 127, 255, cv2.THRESH_BINARY)[1], cv2.DIST_L2, 3)
    return float(min(max(3 * distance.sum() / max(1, np.count_nonzero(distance)), 2), 6))


def _ink_at(large: Picture, height: float) -> tuple[float, float] | None:
    """(column, row) of the last stroke on the row at ``height``, 0 the top of the ink and 1 its bottom."""
    rows = np.flatnonzero(large.max(axis=1) > 127)
    if not len(rows):
        return None
    row = round(float(rows[0] + height * (rows[-1] - rows[0])))
    columns = np.flatnonzero(large[row] > 127)
    if not len(columns):
        return None
    run = columns[columns > columns[-1] - 12]
    return float(run.mean()), float(row)


ANGULAR = 0.04
"""Share of each digit that is written over guides: of most writers never, of those with such forms always."""
SHAPES: dict[int, tuple[tuple[float, Shape], ...]] = {
    label: (*shapes, (ANGULAR, _angular(label)))
    for label, shapes in {
        0: ((0.03, _slashed_zero),),
        1: ((0.12, _flagged_one), (0.12, _new_one)),
        2: ((0.05, _looped_two),),
        3: (),
        4: ((0.18, _new_four),),
        5: (),
        6: ((0.04, _new_six),),
        7: ((0.16, _crossed_seven), (0.06, _serifed_seven), (0.16, _new_seven)),
        8: (),
        9: ((0.22, _new_nine),),
    }.items()
}
"""Shares of each digit. Sevens and ones are where a model of MNIST alone errs most on European writing."""
