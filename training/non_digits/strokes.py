"""Pen strokes: lines through points, bent as a hand bends them, drawn on a canvas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
"""[n, 2], (x, y) with y downwards; a letter's capital height is 1."""

CANVAS = 64
PENS = (2, 2, 3, 3, 3, 4, 4, 5, 5, 6)
FINE_PENS = (2, 2, 3)
_SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << _SUBPIXEL_BITS
_STEPS = np.linspace(0, 1, 6, endpoint=False)
_CUBIC = np.stack(
    (
        -_STEPS + 2 * _STEPS**2 - _STEPS**3,
        2 - 5 * _STEPS**2 + 3 * _STEPS**3,
        _STEPS + 4 * _STEPS**2 - 3 * _STEPS**3,
        -(_STEPS**2) + _STEPS**3,
    ),
    axis=1,
)


def curve(points: Points) -> Points:
    """A smooth line through ``points`` (a Catmull-Rom spline, six points for each given one)."""
    ends = np.concatenate((points[:1], points, points[-1:]))
    windows = np.stack((ends[:-3], ends[1:-2], ends[2:-1], ends[3:]))
    inner = np.einsum("sk,knd->nsd", _CUBIC / 2, windows).reshape(-1, 2)
    return np.concatenate((inner, points[-1:]))


def line(*points: tuple[float, float]) -> Points:
    """A line with corners at ``points``, with points between them for it to bend at."""
    corners = np.array(points, np.float64)
    shares = np.linspace(0, 1, 4, endpoint=False)[None, :, None]
    inner = corners[:-1, None] * (1 - shares) + corners[1:, None] * shares
    return np.concatenate((inner.reshape(-1, 2), corners[-1:]))


def drawn(strokes: Sequence[Points], random: Generator, *, slant: float = 1.0, fine: bool = False) -> Picture:
    """``strokes`` uint8 [64, 64], light on 0, as one hand writes them with one pen.

    Args:
        slant: how far they may be turned and sheared; 0 keeps them upright.
        fine: they lie close together, so they are drawn large and with a thin pen.
    """
    points = _centred(_centred(np.concatenate(strokes)) @ _hand(random, slant))
    points = _centred(points + _wobble(points, random))
    size = max(2 * float(points.max()), 1e-3)
    points = points * (random.uniform(38 if fine else 24, 50) / size) + CANVAS / 2
    ends = np.cumsum([len(stroke) for stroke in strokes])[:-1]
    thickness = FINE_PENS[random.integers(len(FINE_PENS))] if fine else PENS[random.integers(len(PENS))]
    return inked(np.split(points, ends), thickness)


def inked(lines: Sequence[Points], thickness: int, tone: int = 255, canvas: Picture | None = None) -> Picture:
    """``lines`` in pixels, drawn on ``canvas``, or on a new one of 64x64."""
    if canvas is None:
        canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    whole = [np.rint(points * _SUBPIXELS).astype(np.int32) for points in lines]
    cv2.polylines(canvas, whole, False, tone, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
    return canvas


def bent(picture: Picture, random: Generator) -> Picture:
    """``picture`` [64, 64] turned, sheared, scaled and bent a little, with a thinner or thicker stroke."""
    linear = _hand(random, 1.0) / random.uniform(0.8, 1.05)
    knots = random.normal(0, random.uniform(0.3, 1.4), (5, 5, 2)).astype(np.float32)
    bend = cv2.resize(knots, (CANVAS, CANVAS), interpolation=cv2.INTER_LINEAR)
    sources = _GRID @ linear.astype(np.float32) + np.float32((CANVAS - 1) / 2) + bend
    moved = cv2.remap(picture, sources[..., 0], sources[..., 1], cv2.INTER_LINEAR)
    change = random.random()
    if change < 0.3:
        return np.asarray(cv2.dilate(moved, _DISC), np.uint8)
    if change < 0.5 and (thinner := np.asarray(cv2.erode(moved, _DISC), np.uint8)).max() > 128:
        return thinner
    return np.asarray(moved, np.uint8)


_GRID = np.stack(np.meshgrid(np.arange(CANVAS), np.arange(CANVAS)), axis=2).astype(np.float32) - (CANVAS - 1) / 2
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def _centred(points: Points) -> Points:
    """``points`` with the middle of the box around them at 0."""
    middle: Points = (points.min(axis=0) + points.max(axis=0)) / 2
    return points - middle


def _hand(random: Generator, slant: float) -> Points:
    """A matrix that turns, shears and stretches row vectors at random."""
    angle = math.radians(min(max(random.normal(0, 6), -14), 14)) * slant
    shear = min(max(random.normal(-0.08, 0.12), -0.35), 0.25) * slant
    aspect = math.exp(min(max(random.normal(0, 0.12), -0.25), 0.25))
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array(
        ((aspect * cosine, aspect * sine), (shear * cosine - sine / aspect, shear * sine + cosine / aspect))
    )


def _wobble(points: Points, random: Generator) -> Points:
    """What to move each point by: waves about as long as the ink, and a little shaking."""
    waves = random.uniform(2, 7, (2, 2))
    phases = random.uniform(0, 2 * np.pi, 2)
    return 0.03 * np.sin(points @ waves + phases) + random.normal(0, 0.008, points.shape)
