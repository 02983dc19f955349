"""Digits over the printed guides of a seven-segment display."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from training.shapes.strokes import Picture, Points, as_digit

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


def angular(label: int) -> Callable[[Picture, Generator], Picture]:
    """The digit as people write it over the printed guides of a seven-segment display."""

    def drawn(_: Picture, random: Generator) -> Picture:
        middle = np.array((0, random.normal(0, 0.04)))
        corners = {
            name: place + random.normal(0, 0.03, 2) + middle * (name in "cd") for name, place in _CORNERS.items()
        }
        strokes = [_squared(np.array([corners[name] for name in stroke])) for stroke in _SEGMENTS[label]]
        return as_digit(strokes, random.uniform(0.4, 0.75), random)

    return drawn


def _squared(points: Points) -> Points:
    """``points`` with two more beside each, so that only the tips of its corners are rounded."""
    first, last = points[:-1], points[1:]
    beside = np.stack((0.9 * first + 0.1 * last, 0.1 * first + 0.9 * last), axis=1)
    parts = np.concatenate((first[:, None], beside), axis=1).reshape(-1, 2)
    return np.concatenate((parts, points[-1:]))
