"""Digits of few plain strokes, and fours of other hands, drawn from control points that vary at random."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.shapes.strokes import Picture, as_digit, jittered, ring, rounded


def plain_one(_: Picture, random: Generator) -> Picture:
    """One stroke without flag or foot, leaning 10 degrees to the left to 30 to the right."""
    reach = np.tan(np.deg2rad(random.uniform(-10, 30))) / 2
    bend = random.normal(0, 0.02)
    return as_digit([np.array(((0.5 + reach, 0.0), (0.5 + bend, 0.5), (0.5 - reach, 1.0)))], 0.95, random)


def straight_seven(_: Picture, random: Generator) -> Picture:
    """Two straight strokes without a bar: a level one as wide as a third of the height or more, and a stem."""
    foot = random.uniform(0.1, 0.6)
    points = jittered([(0, random.uniform(-0.03, 0.08)), (1, 0), (foot, 1)], random)
    return as_digit([points[:2], points[1:]], random.uniform(0.45, 0.8), random)


def closed_four(_: Picture, random: Generator) -> Picture:
    """A slope, a level bar and a stem that closes the triangle at the top."""
    bar, stem = random.uniform(0.58, 0.75), random.uniform(0.62, 0.8)
    top = (stem, random.uniform(-0.02, 0.04))
    strokes = [jittered([top, (0, bar), (random.uniform(0.95, 1.15), bar)], random), jittered([top, (stem, 1)], random)]
    return as_digit(strokes, random.uniform(0.6, 0.85), random)


def phi_four(_: Picture, random: Generator) -> Picture:
    """As a phi: a round bowl, flat below, and a long stem through its right half that rises above it."""
    bowl = ring((0.42, 0.42), (0.42, 0.24), -40, -320)
    end = np.array(((random.uniform(0.95, 1.1), 0.62),))
    stem = jittered([(random.uniform(0.6, 0.7), 0.0), (random.uniform(0.56, 0.66), 1.0)], random)
    return as_digit([np.concatenate((bowl, end)), stem], random.uniform(0.55, 0.8), random)


def hooked_nine(_: Picture, random: Generator) -> Picture:
    """A closed ring whose stem ends in a hook to the left."""
    head = ring((0.5, 0.26), (0.42, 0.26), -20, -385)
    hook = [(0.92, 0.3), (0.9, 0.75), (0.65, 1.0), (0.3, 0.98), (random.uniform(0, 0.12), random.uniform(0.75, 0.88))]
    return as_digit([head, rounded(jittered(hook, random))], random.uniform(0.5, 0.75), random)
