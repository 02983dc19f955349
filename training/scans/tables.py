"""Noise and printed patterns, computed once: a scan takes a random piece of one, which costs next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Waves = NDArray[np.float32]

SIDE = 192
_EACH = 8
_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def piece(tables: tuple[Picture, ...], shape: tuple[int, ...], random: Generator) -> Picture:
    """Some part of one of ``tables`` with the height and width of ``shape``, as it is, mirrored or on its side."""
    draw = random.random(3)
    table = tables[int(draw[0] * len(tables))]
    height, width = shape
    if max(height, width) > SIDE:
        return np.asarray(cv2.resize(table, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
    if draw[1] < 0.5:
        table = table.T
    if draw[2] < 0.5:
        table = table[::-1]
    top, left = int(draw[1] * (SIDE - height)), int(draw[2] * (SIDE - width))
    return np.ascontiguousarray(table[top : top + height, left : left + width])


@cache
def patterns() -> tuple[Picture, ...]:
    """What is printed on security paper, 0 where there is paper and up to 255 on the print."""
    random = np.random.default_rng(1)
    kinds: tuple[Callable[[Generator], Picture], ...] = (_ruling, _guilloche, _hatch, _dots, _letters, _clouds)
    return tuple(kind(random) for kind in kinds for _ in range(_EACH))


@cache
def ghosts() -> tuple[Picture, ...]:
    """Writing that shows through from the back or stands behind as a watermark, without sharp edges."""
    random = np.random.default_rng(2)
    return tuple(_blurred(_letters(random)[:, ::-1], random.uniform(1, 2.5)) for _ in range(_EACH))


@cache
def patches() -> tuple[Picture, ...]:
    """Strength of a ball pen's ink, 90 to 255, changing slowly."""
    random = np.random.default_rng(3)
    return tuple(_between(_smooth(random, random.uniform(2.5, 6)), 90, 255) for _ in range(_EACH))


@cache
def grains() -> tuple[Picture, ...]:
    """Strength of a pencil's line on rough paper, 60 to 255, changing from pixel to pixel."""
    random = np.random.default_rng(4)
    return tuple(_between(_smooth(random, random.uniform(0.5, 1.1)), 60, 255) for _ in range(_EACH))


@cache
def gaps() -> tuple[Picture, ...]:
    """255, with small streaks of 0 to 120 where a ball pen skips."""
    random = np.random.default_rng(5)
    tables = []
    for _ in range(_EACH):
        noise = cv2.GaussianBlur(random.standard_normal((SIDE, SIDE), np.float32), (0, 0), 2.2, sigmaY=0.7)
        edge = np.quantile(noise, random.uniform(0.06, 0.16))
        floor = random.uniform(0, 120)
        tables.append(np.where(noise < edge, floor, 255).astype(np.uint8))
    return tuple(tables)


@cache
def noises() -> tuple[Picture, ...]:
    """Noise of a sensor around 128 with a standard deviation of 32: fine, and in clumps as of JPEG or paper."""
    random = np.random.default_rng(6)
    fine = [random.standard_normal((SIDE, SIDE), np.float32) for _ in range(_EACH)]
    clumped = [_smooth(random, random.uniform(0.5, 1.2)) for _ in range(_EACH // 2)]
    return tuple(np.clip(128 + 32 * noise / noise.std(), 0, 255).astype(np.uint8) for noise in fine + clumped)


def _smooth(random: Generator, sigma: float) -> Waves:
    noise = random.standard_normal((SIDE, SIDE), np.float32)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), sigma), np.float32)


def _between(values: Waves, low: float, high: float) -> Picture:
    """``values`` brought to the range, their outer twentieths cut."""
    first, last = np.quantile(values, (0.05, 0.95))
    return np.asarray(
        np.clip(low + (values - first) * ((high - low) / (last - first)), low, high).astype(np.uint8), np.uint8
    )


def _blurred(picture: Picture, sigma: float) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def _across(random: Generator) -> Waves:
    """Distance in pixels across lines of some direction."""
    angle = random.uniform(0, np.pi)
    return np.asarray(np.cos(angle) * _COLUMNS + np.sin(angle) * _ROWS, np.float32)


def _lines(distance: Waves, period: float, width: float) -> Picture:
    """Thin soft lines every ``period`` pixels of ``distance``."""
    off = np.abs((distance / period) % 1 - 0.5) * period
    return np.asarray(np.clip((width / 2 + 0.5 - off) * 255, 0, 255), np.uint8)


def _wavy(random: Generator) -> Waves:
    bend = random.uniform(1, 5) * np.sin(_across(random) / random.uniform(3, 12) + random.uniform(0, 6))
    return np.asarray(_across(random) + bend, np.float32)


def _ruling(random: Generator) -> Picture:
    return _lines(_wavy(random), random.uniform(3, 8), random.uniform(0.7, 1.8))


def _guilloche(random: Generator) -> Picture:
    first, second = (_lines(_wavy(random), random.uniform(5, 12), random.uniform(0.6, 1.3)) for _ in range(2))
    return np.maximum(first, second)


def _hatch(random: Generator) -> Picture:
    period, width = random.uniform(4, 10), random.uniform(0.6, 1.5)
    return np.maximum(_lines(_across(random), period, width), _lines(_across(random), period, width))


def _dots(random: Generator) -> Picture:
    period = random.uniform(3, 7)
    waves = np.sin(2 * np.pi / period * _across(random)) + np.sin(2 * np.pi / period * _across(random))
    return np.asarray(np.clip((waves - random.uniform(0.2, 1.0)) * 300, 0, 255), np.uint8)


def _letters(random: Generator) -> Picture:
    """Lines of small or large capitals, turned."""
    sheet = np.zeros((SIDE * 2, SIDE * 2), np.uint8)
    size = random.uniform(0.3, 1.6)
    for row in range(0, SIDE * 2, max(8, int(32 * size))):
        text = "".join(chr(letter) for letter in random.integers(65, 91, 60))
        weight = 1 if size < 0.8 else int(random.integers(1, 4))
        cv2.putText(sheet, text, (-10, row), cv2.FONT_HERSHEY_SIMPLEX, size, 255, weight, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((SIDE, SIDE), random.uniform(-50, 50), 1.0)
    turned = cv2.warpAffine(sheet, turn, (SIDE * 2, SIDE * 2))
    return np.asarray(turned[SIDE // 2 : SIDE * 3 // 2, SIDE // 2 : SIDE * 3 // 2], np.uint8)


def _clouds(random: Generator) -> Picture:
    return _between(_smooth(random, random.uniform(2, 12)), 0, 255)
