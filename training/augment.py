"""Digits as scanners see them: drawn anew from a 28x28 original, then brought back by the normaliser.

A share of each epoch is only bent a little; the rest becomes a picture of twice the size with pen, paper and
scanner laid on, and goes through ``digitmill.imaging.normalise``, so that the model meets in training what it
meets at work. The elastic bending follows Simard, Steinkraus and Platt, "Best Practices for Convolutional
Neural Networks Applied to Visual Document Analysis", 2003.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain import Polarity
from digitmill.imaging.normalise import normalise
from training.data import Digits
from training.forms import cut_out
from training.shapes import european

Picture = NDArray[np.uint8]

CANVAS = 64
FORM_SHARE = 0.5
_ROWS, _COLUMNS = np.mgrid[0:CANVAS, 0:CANVAS].astype(np.float32)
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def augment(digits: Digits, seed: tuple[int, ...], scan_share: float) -> Digits:
    """New pictures of the same digits in the same order; the same ``seed`` gives the same pictures.

    Args:
        scan_share: how many, 0 to 1, are drawn as scans; the others are bent a little.
    """
    random = np.random.default_rng(seed)
    images = np.empty_like(digits.images)
    for row, (image, label) in enumerate(zip(digits.images, digits.labels, strict=True)):
        if random.random() < scan_share:
            neighbour = digits.images[random.integers(len(digits))]
            images[row] = scanned(european(image, int(label), random), neighbour, random)
        else:
            images[row] = bent(image, random)
    return Digits(images, digits.labels)


def bent(image: Picture, random: Generator) -> Picture:
    """``image`` [28, 28] turned, sheared and scaled a little, and moved by up to a pixel."""
    matrix = _matrix(random, scale=1.0, side=28, strength=0.7)
    matrix[:, 2] += random.uniform(-1, 1, 2)
    moved = cv2.warpAffine(image, matrix, (28, 28), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(moved, np.uint8)


def scanned(image: Picture, neighbour: Picture, random: Generator) -> Picture:
    """``image`` [28, 28] as written with some pen on some paper, scanned, cut out and normalised.

    Pieces of ``neighbour`` [28, 28] may reach into the crop. An image whose ink is lost on the way is returned
    as it came.
    """
    picture = _pen(_drawn(image, random), random)
    if random.random() < FORM_SHARE:
        picture = cut_out(picture, lambda: _drawn(neighbour, random), random)
    style = STYLES[random.choice(len(STYLES), p=STYLE_SHARES)]
    if style is not None:
        picture = style(picture, random)
    result = normalise(picture, Polarity.LIGHT_ON_DARK)
    return image if result is None else result


def _matrix(random: Generator, *, scale: float, side: int, strength: float) -> NDArray[np.float32]:
    """Inverse map from a square of ``side`` to the 28x28 original, random about the centre."""
    angle = np.deg2rad(np.clip(random.normal(0, 8), -20, 20)) * strength
    shear = np.clip(random.normal(0, 0.15), -0.35, 0.35) * strength
    aspect = np.exp(np.clip(random.normal(0, 0.12), -0.3, 0.3) * strength)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.array([[aspect, shear], [0, 1 / aspect]]) / scale
    linear = turn @ stretch
    offset = np.full(2, 13.5) - linear @ np.full(2, (side - 1) / 2)
    return np.column_stack((linear, offset)).astype(np.float32)


def _drawn(image: Picture, random: Generator) -> Picture:
    """The digit on a canvas of 64x64, bent by hand and eye."""
    matrix = _matrix(random, scale=random.uniform(1.3, 2.2), side=CANVAS, strength=1.0)
    columns = matrix[0, 0] * _COLUMNS + matrix[0, 1] * _ROWS + matrix[0, 2]
    rows = matrix[1, 0] * _COLUMNS + matrix[1, 1] * _ROWS + matrix[1, 2]
    if random.random() < 0.6:
        knots = random.normal(0, random.uniform(0.3, 1.1), (5, 5, 2)).astype(np.float32)
        bend = cv2.resize(knots, (CANVAS, CANVAS), interpolation=cv2.INTER_CUBIC)
        columns, rows = columns + bend[..., 0], rows + bend[..., 1]
    return np.asarray(cv2.remap(image, columns, rows, cv2.INTER_LINEAR), np.uint8)


def _pen(picture: Picture, random: Generator) -> Picture:
    """A thinner or a thicker stroke, by up to a pixel of the original."""
    change = random.choice(("none", "thin", "thick"), p=(0.4, 0.3, 0.3))
    if change == "none":
        return picture
    morphed = (cv2.erode if change == "thin" else cv2.dilate)(picture, _DISC)
    if change == "thin" and morphed.max() < 128:
        return picture
    share = random.uniform(0.2, 0.9)
    return np.asarray(cv2.addWeighted(morphed, share, picture, 1 - share, 0), np.uint8)


def _bilevel(picture: Picture, random: Generator) -> Picture:
    return np.asarray(cv2.threshold(picture, random.uniform(70, 180), 255, cv2.THRESH_BINARY)[1], np.uint8)


def _coarse(picture: Picture, random: Generator) -> Picture:
    """A scan of low resolution: the whole digit 8 to 20 pixels high, bilevel in one case of three."""
    scale = random.uniform(0.28, 0.56)
    small = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    return _bilevel(small, random) if random.random() < 0.33 and small.max() > 200 else small


def _faint(picture: Picture, random: Generator) -> Picture:
    """Pencil or a tired pen on shaded paper, out of focus, with the scanner's noise."""
    blurred = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 1.6))
    shade = np.linspace(0, random.uniform(0, 50), picture.shape[1])
    noise = random.standard_normal(picture.shape, np.float32) * np.float32(random.uniform(1, 9))
    paper = random.uniform(0, 80) + shade + noise
    return np.asarray(np.clip(blurred * random.uniform(0.3, 0.7) + paper, 0, 255), np.uint8)


def _patchy(picture: Picture, random: Generator) -> Picture:
    """Ink of uneven strength, as of a ball pen."""
    knots = random.uniform(0.35, 1.0, (6, 6)).astype(np.float32)
    strength = cv2.resize(knots, picture.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(picture * strength, np.uint8)


STYLES: tuple[Callable[[Picture, Generator], Picture] | None, ...] = (None, _bilevel, _coarse, _faint, _patchy)
STYLE_SHARES = (0.3, 0.2, 0.2, 0.2, 0.1)
