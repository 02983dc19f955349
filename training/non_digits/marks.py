"""Marks that people leave in a box and that are no digit: crosses, dashes, ticks, dots, scribbles and the like.

An upright stroke is a 1, a round one a 0, and a comma a 9, so none of these is drawn alone.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.non_digits.strokes import CANVAS, Picture, Points, curve, drawn, inked, line
from training.shapes.strokes import ring


def cross(random: Generator) -> Picture:
    """Two strokes over one another, as an x or as a +, also as long as the box."""
    width, height = random.uniform(0.6, 1.5), 1.0
    cut = random.uniform(-0.12, 0.12, 4)
    if random.random() < 0.7:
        first = line((0, cut[0]), (width, height + cut[1]))
        second = line((width, cut[2]), (0, height + cut[3]))
    else:
        width = random.uniform(0.75, 1.4)
        first = line((0, 0.5 + cut[0]), (width, 0.5 + cut[1]))
        second = line((width * 0.5 + cut[2], 0), (width * 0.5 + cut[3], height))
    return drawn((first, second), random)


def dash(random: Generator) -> Picture:
    """One level stroke, or two or three under one another, hardly slanted."""
    rise = random.uniform(-0.3, 0.3)
    gap, count = random.uniform(0.3, 0.55), int(random.choice((1, 2, 3), p=(0.65, 0.25, 0.1)))
    return drawn([line((0, row * gap), (1, row * gap + rise)) for row in range(count)], random, slant=0.5)


def tick(random: Generator) -> Picture:
    """A short stroke down to the right and a long one up to the right, at least as wide as half its height."""
    down, height = random.uniform(0.25, 0.5), 1.0
    left, right = random.uniform(0.2, 0.4), random.uniform(0.65, 1.2)
    top, foot, tip = (0.0, height - down), (left, height), (left + right, 0.0)
    if random.random() < 0.4:
        belly = (left + 0.45 * right, 0.62 * height)
        return drawn((line(top, foot), curve(np.array((foot, belly, tip)))), random, slant=0.6)
    return drawn((line(top, foot, tip),), random, slant=0.6)


def dots(random: Generator) -> Picture:
    """One round dot, or several that lie apart."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    count = int(random.choice((1, 3, 4, 5, 7), p=(0.4, 0.15, 0.15, 0.15, 0.15)))
    cells = random.permutation(9)[:count] if count > 1 else [4]
    for cell in cells:
        centre = (12 + 20 * int(cell % 3) + int(random.integers(-3, 4)), 12 + 20 * int(cell // 3))
        radius = int(random.integers(2, 4)) if count > 1 else int(random.integers(3, 9))
        cv2.circle(canvas, centre, radius, 255, -1, cv2.LINE_AA)
    return canvas


def crossed_circle(random: Generator) -> Picture:
    """A circle with a cross through it that reaches beyond it."""
    radius, reach = random.uniform(0.52, 0.7), random.uniform(0.65, 0.85)
    circle = curve(ring((0, 0), (radius, 0.5), -90, 270 + random.uniform(-10, 25)))
    turn = random.uniform(30, 60) if random.random() < 0.8 else random.uniform(-8, 8)
    x, y = reach * np.cos(np.deg2rad(turn)), reach * np.sin(np.deg2rad(turn))
    return drawn((circle, line((-x, -y), (x, y)), line((-y, x), (y, -x))), random, fine=True)


def scribble(random: Generator) -> Picture:
    """A pen led to and fro, or round and round, over a place."""
    count = int(random.integers(14, 26))
    if random.random() < 0.5:
        across = np.linspace(0, random.uniform(0.9, 1.8), count) + random.normal(0, 0.05, count)
        points = np.column_stack((across, np.arange(count) % 2 + random.normal(0, 0.12, count)))
    else:
        points = random.uniform(0, 1, (count, 2))
    corners = line(*points) if random.random() < 0.4 else curve(points)
    return drawn((corners,), random, slant=3.0)


def blackened(random: Generator) -> Picture:
    """A field or a lump filled with ink, with ragged edges."""
    count = int(random.integers(6, 12))
    angles = np.sort(random.uniform(0, 2 * np.pi, count)) + np.arange(count) * 1e-3
    half = random.uniform(14, 24, 2)
    radii = np.minimum(1.3, 1 / np.maximum(abs(np.cos(angles)), abs(np.sin(angles)))) + random.normal(0, 0.08, count)
    outline = 32 + np.column_stack((half[0] * radii * np.cos(angles), half[1] * radii * np.sin(angles)))
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.fillPoly(canvas, [np.rint(outline).astype(np.int32)], 255, cv2.LINE_AA)
    if random.random() < 0.6:
        rows = np.sort(random.uniform(10, 54, 6))
        gaps = [np.array(((6.0, row), (58.0, row + random.uniform(-8, 8)))) for row in rows]
        inked(gaps, 1, int(random.integers(0, 160)), canvas)
    return canvas


def wave(random: Generator) -> Picture:
    """A level line of two to five waves."""
    across = np.linspace(0, 1, 24)
    waves, height = random.uniform(1.6, 5), random.uniform(0.05, 0.16)
    points = np.column_stack((across, height * np.sin(2 * np.pi * waves * across + random.uniform(0, 6))))
    return drawn((points,), random, slant=0.7)


def arrow(random: Generator) -> Picture:
    """A shaft with a head of two barbs, level or upright."""
    barb, spread = random.uniform(0.25, 0.4), random.uniform(0.25, 0.4)
    head = line((1 - barb, -spread), (1, 0), (1 - barb, spread))
    quarter = int(random.integers(4))
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
    turn = np.array(((cosine, sine), (-sine, cosine)), np.float64)
    return drawn([stroke @ turn for stroke in (line((0, 0), (1, 0)), head)], random)


def tally(random: Generator) -> Picture:
    """Three or four upright strokes beside one another, often with one across."""
    count = int(random.integers(3, 5))
    gap = random.uniform(0.26, 0.4)
    strokes = [line((number * gap, 0), (number * gap + random.normal(0, 0.04), 1)) for number in range(count)]
    if random.random() < 0.6:
        rise = random.uniform(0.2, 0.6)
        strokes.append(line((-gap, 0.5 + rise), (count * gap, 0.5 - rise)))
    return drawn(strokes, random, fine=True)


def grid(random: Generator) -> Picture:
    """A hash or a lattice of strokes."""
    down, across = int(random.integers(2, 4)), int(random.integers(2, 4))
    strokes = [line(((n + 0.5) / down, 0), ((n + 0.5) / down + random.normal(0, 0.04), 1)) for n in range(down)]
    strokes += [line((0, (n + 0.5) / across), (1, (n + 0.5) / across + random.normal(0, 0.04))) for n in range(across)]
    return drawn(strokes, random, fine=True)


def star(random: Generator) -> Picture:
    """Three or four strokes through one point."""
    count = int(random.integers(3, 5))
    angles = np.arange(count) * np.pi / count + random.uniform(0, np.pi) + random.normal(0, 0.08, count)
    ends: Points = np.column_stack((np.cos(angles), np.sin(angles))) * random.uniform(0.35, 0.55, (count, 1))
    return drawn([line((-x, -y), (x, y)) for x, y in ends], random)


def stamp(random: Generator) -> Picture:
    """A round or square stamp: two outlines and level lines of small print in them."""
    canvas = np.zeros((CANVAS, CANVAS), np.uint8)
    middle, outer = CANVAS // 2, int(random.integers(20, 28))
    for half in (outer, outer - int(random.integers(4, 7))):
        if random.random() < 0.5:
            cv2.circle(canvas, (middle, middle), half, 255, 1, cv2.LINE_AA)
        else:
            cv2.rectangle(canvas, (middle - half, middle - half), (middle + half, middle + half), 255, 1)
    for row in range(middle - 9, middle + 10, 6):
        for column in range(middle - 11, middle + 10, 4):
            if random.random() < 0.8:
                cv2.line(canvas, (column, row), (column + 2, row + int(random.integers(-2, 3))), 255, 1, cv2.LINE_AA)
    return canvas
