"""What scanners, copiers and phones make of a page, and where each point of the page comes to lie.

A page is bent first: its height above the table moves every point as a camera above it sees that (parallax and tilt).
Then a homography takes it to the picture. Both are known in closed form, so the truth is exact, and errors of a
registration are measured against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, homography_between, mapped

Grey = NDArray[np.uint8]
Field = Callable[[Floats], Floats]

KINDS = ("flatbed", "feeder", "coarse", "fax", "copy", "phone", "folded", "curled", "crumpled")
BENT = ("folded", "curled", "crumpled")
HARD = ("fax", "copy", "phone", *BENT)
LATTICE = 8
"""Pixels between the points whose way back from the picture to the page is worked out; between them it is linear."""
MM = 25.4


@dataclass(frozen=True)
class Capture:
    """``picture`` uint8 [height, width] of a page; ``placed`` takes page points float[n, 2] to the picture's."""

    kind: str
    picture: Grey
    placed: Field


def captured(page: Grey, dpi: float, kind: str, random: Generator) -> Capture:
    """A page, uint8 [height, width] at ``dpi``, as a device of one of KINDS takes it."""
    height, width = page.shape
    relief = _relief(kind, width, height, dpi, random)
    bend = _seen_from_above(relief, width, height, dpi, random)
    resolution = _resolution(kind, random)
    flat, size = _pose(kind, width, height, resolution / dpi, random)

    def placed(points: Floats) -> Floats:
        return mapped(flat, points + bend(points))

    light = random.uniform(-1, 1, 2) * (0.6 if kind in BENT else 0.0)
    picture = _rendered(page, flat, bend, size, min(1.0, 1.2 * resolution / dpi), (relief, light), kind, random)
    return Capture(kind, _digitised(picture, kind, resolution, random), placed)


def _resolution(kind: str, random: Generator) -> float:
    low, high = {
        "flatbed": (150, 600),
        "feeder": (150, 300),
        "coarse": (75, 100),
        "fax": (100, 204),
        "copy": (150, 300),
    }.get(kind, (110, 300))
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def _relief(kind: str, width: int, height: int, dpi: float, random: Generator) -> Field:
    """Height of the paper above the table in pixels, float[n] at points float[n, 2]."""
    unit = dpi / MM
    middle = np.array([width, height]) / 2
    if kind == "curled":
        return _curl(middle, height, unit, random)
    if kind not in BENT:
        return lambda points: np.zeros(len(points))
    many = int(random.integers(1, 3)) if kind == "folded" else int(random.integers(8, 20))
    folds = []
    for _ in range(many):
        angle = random.choice([0, np.pi / 2]) + random.normal(0, 0.05) if kind == "folded" else random.uniform(0, np.pi)
        where = middle + random.uniform(-0.4, 0.4, 2) * (width, height)
        tall = unit * random.uniform(2, 8) * random.choice([-1, 1])
        wide = unit * (random.uniform(40, 120) if kind == "folded" else random.uniform(20, 50))
        reach = np.inf if kind == "folded" else unit * random.uniform(20, 60)
        folds.append((np.array([np.cos(angle), np.sin(angle)]), where, tall, wide, reach))

    def relief(points: Floats) -> Floats:
        total = np.zeros(len(points))
        for normal, where, tall, wide, reach in folds:
            away = points - where
            across = np.abs(away @ normal)
            along = away @ np.array([-normal[1], normal[0]])
            total += tall * np.maximum(0, 1 - across / wide) * np.exp(-((along / reach) ** 2) / 2)
        return total

    return relief


def _curl(middle: Floats, height: int, unit: float, random: Generator) -> Field:
    """A page that rises towards one side or in the middle, as one out of a roll, an envelope or a book does."""
    angle = random.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    tall, power = unit * random.uniform(8, 25), random.uniform(1.5, 3)
    both = random.random() < 0.5

    def relief(points: Floats) -> Floats:
        place = (points - middle) @ along / (height / 2)
        return np.asarray(tall * (np.abs(place) if both else np.maximum(0, (place + 1) / 2)) ** power)

    return relief


def _seen_from_above(relief: Field, width: int, height: int, dpi: float, random: Generator) -> Field:
    """How far a point moves for its height: away from the middle, and aslant where the camera is tilted."""
    distance = random.uniform(300, 500) * dpi / MM
    tilt = random.uniform(-0.3, 0.3, 2)
    middle = np.array([width, height]) / 2

    def bend(points: Floats) -> Floats:
        return np.asarray(relief(points)[:, None] * ((points - middle) / distance + tilt))

    return bend


def _pose(kind: str, width: int, height: int, scale: float, random: Generator) -> tuple[Floats, tuple[int, int]]:
    """The homography float[3, 3] from the flat page to the picture, and the picture's (width, height)."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    if kind in ("phone", *BENT):
        turn = (
            random.uniform(0, 360) if random.random() < 0.3 else random.choice([0, 90, 180, 270]) + random.normal(0, 6)
        )
        seen = corners * (1 + random.uniform(-0.12, 0.12, (4, 2)))
        seen += random.normal(0, 0.02, (4, 2)) * (width, height)
        room = random.uniform(0.02, 0.2, 4)
    else:
        turn = random.choice([0, 90, 180, 270], p=[0.7, 0.1, 0.1, 0.1]) + random.normal(0, 1.5)
        seen = corners * (1 + random.normal(0, 0.006, 2))
        room = random.uniform(-0.015, 0.03, 4)
    angle = np.deg2rad(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = scale * seen @ rotation.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    first, last = low - room[:2] * (high - low), high + room[2:] * (high - low)
    size = np.ceil(last - first).astype(int)
    return homography_between(corners, seen - first), (int(size[0]), int(size[1]))


def _rendered(
    page: Grey,
    flat: Floats,
    bend: Field,
    size: tuple[int, int],
    scale: float,
    lit: tuple[Field, Floats],
    kind: str,
    random: Generator,
) -> Grey:
    """The page as the picture's pixels see it, on whatever lies below it, under its light."""
    across, down = size
    lattice = (
        np.mgrid[0 : down + LATTICE : LATTICE, 0 : across + LATTICE : LATTICE][::-1].reshape(2, -1).T.astype(float)
    )
    wanted = mapped(np.linalg.inv(flat), lattice)
    points = wanted
    for _ in range(
        12
    ):  # the bend changes slowly from place to place, so this closes in on the point that it takes here
        points = wanted - bend(points)
    shape = (down // LATTICE + 1 + (down % LATTICE > 0), across // LATTICE + 1 + (across % LATTICE > 0))
    small = np.asarray(cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)) if scale < 1 else page
    factor = np.array([small.shape[1] / page.shape[1], small.shape[0] / page.shape[0]])
    sources = [spread(part, shape, size) for part in (((points + 0.5) * factor - 0.5).T)]
    ground = (
        _table(size, random)
        if kind in ("phone", *BENT)
        else np.full((down, across), random.choice([255, 40]), np.float32)
    )
    paper = cv2.remap(small, sources[0], sources[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    inside = cv2.remap(np.ones_like(small), sources[0], sources[1], cv2.INTER_NEAREST, borderValue=0)
    relief, light = lit
    step = 2.0
    slopes = [(relief(points + np.eye(2)[axis] * step) - relief(points)) / step for axis in (0, 1)]
    shade = 1 + light[0] * slopes[0] + light[1] * slopes[1]
    shaded = paper * np.clip(spread(shade, shape, size), 0.3, 1.3)
    return np.clip(np.where(inside > 0, shaded, ground), 0, 255).astype(np.uint8)


def spread(values: Floats, shape: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Values at every LATTICE-th pixel as float32 at each pixel of a picture of (width, height)."""
    grid = values.reshape(shape).astype(np.float32)
    back = np.array([[1 / LATTICE, 0, 0], [0, 1 / LATTICE, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(grid, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _table(size: tuple[int, int], random: Generator) -> NDArray[np.float32]:
    """A desk: a tone with a grain that runs one way."""
    across, down = size
    grain = random.normal(0, 1, (max(2, down // 40), max(2, across // 4))).astype(np.float32)
    grain = grain if random.random() < 0.5 else grain.T
    return np.asarray(random.uniform(40, 190) + random.uniform(2, 25) * cv2.resize(grain, size), np.float32)


def _digitised(picture: Grey, kind: str, resolution: float, random: Generator) -> Grey:
    """Shadow, focus, noise, tones, one bit and JPEG."""
    grey = picture.astype(np.float32)
    if kind in ("phone", *BENT):
        grey *= _shadow(grey.shape, random)
    if kind in ("copy", "phone", *BENT) or random.random() < 0.3:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), random.uniform(0.3, 1.0) * max(1.0, resolution / 200)))
    grey += random.normal(0, random.uniform(0.5, 8), grey.shape).astype(np.float32)
    if kind in ("copy", "coarse"):
        grey = 128 + (grey - 128) * random.uniform(0.5, 1.6) + random.uniform(-20, 20)
    result = np.clip(grey, 0, 255).astype(np.uint8)
    if kind == "fax" or (kind in ("feeder", "copy") and random.random() < 0.4):
        result = np.where(result > random.uniform(120, 190), 255, 0).astype(np.uint8)
        speckles = random.random(result.shape) < random.uniform(0, 0.004)
        return np.where(speckles, 255 - result, result)
    quality = int(random.integers(30, 96))
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", result, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0))


def _shadow(shape: tuple[int, ...], random: Generator) -> NDArray[np.float32]:
    """The light of a room: it falls off to one side, and somebody's shadow may lie across it."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    angle = random.uniform(0, 2 * np.pi)
    place = (np.cos(angle) * x / width + np.sin(angle) * y / height).astype(np.float32)
    light = 1 - random.uniform(0, 0.4) * (place - place.min())
    if random.random() < 0.5:
        edge, soft = random.uniform(-0.5, 1.0), random.uniform(0.005, 0.1)
        light *= 1 - random.uniform(0.1, 0.5) / (1 + np.exp(np.clip((edge - place) / soft, -30, 30)))
    return np.asarray(light, np.float32)
