"""Digits drawn from control points that vary at random, in shapes that MNIST hardly has.

Some were found among what networks misread or doubted: Austrian writing, Taiwanese exams, Chilean cheques, Swedish
parish registers.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from training.shapes.strokes import Picture, Points, as_digit, jittered, ring, rounded


def tailed_zero(_: Picture, random: Generator) -> Picture:
    """A ring that is closed with a stroke beyond it, at the top right, or with a curl inside."""
    start = random.uniform(-120, -20)
    around = ring((0.5, 0.5), (0.48, 0.5), start, start - random.uniform(340, 400))
    outward = around[0] - 0.5
    if random.random() < 0.6:
        tail = np.array((around[-1] + (random.uniform(0.1, 0.45), random.uniform(-0.25, 0.15)),))
        strokes = [np.concatenate((around, tail))]
    else:
        strokes = [np.concatenate((np.array((0.5 + outward * random.uniform(0.1, 0.6),)), around))]
    return as_digit(strokes, random.uniform(0.6, 1.1), random)


def chained_zero(_: Picture, random: Generator) -> Picture:
    """A ring, often flat, with what joined it to the zeros beside it in a row that was written in one stroke."""
    if random.random() < 0.3:
        around = ring((0.45, 0.5), (0.45, 0.5), -random.uniform(10, 50), -random.uniform(310, 350))
        ends = np.column_stack((random.uniform(1.0, 1.3, 2), random.uniform((0.6, 0.0), (1.0, 0.4))))
        strokes = [np.concatenate((ends[:1], around, ends[1:]))]
    else:
        start = random.uniform(-180, 180)
        strokes = [ring((0.5, 0.5), (0.48, 0.5), start, start - 370)]
        sides = (-1, 1) if random.random() < 0.6 else (random.choice((-1, 1)),)
        strokes += [_ligature(side, random) for side in sides]
    return as_digit(strokes, random.uniform(0.65, 1.5), random)


def _ligature(side: int, random: Generator) -> Points:
    """From within a ring about the middle outwards, to the left where ``side`` is -1 or to the right where it is 1."""
    angle = np.deg2rad(random.uniform(-70, 70))
    inner, outer = random.uniform(0.8, 1.0), random.uniform(0.12, 0.4)
    begin = np.array((0.5 + side * 0.48 * inner * np.cos(angle), 0.5 + 0.5 * inner * np.sin(angle)))
    return np.array((begin, (0.5 + side * (0.48 + outer), begin[1] + random.uniform(-0.2, 0.2))))


def long_flagged_one(_: Picture, random: Generator) -> Picture:
    """A long upstroke, a stem, and in one case of three a foot."""
    reach = random.uniform(0.3, 0.75)
    lean = random.uniform(-0.1, 0.15)
    stem = [(reach + lean, 0), (reach + lean / 2, 0.5), (reach, 1)]
    strokes = [jittered([(0, reach * random.uniform(0.75, 1.3)), *stem], random)]
    if random.random() < 0.33:
        strokes.append(jittered([(reach - random.uniform(0.2, 0.4), 1), (reach + random.uniform(0.2, 0.4), 1)], random))
    return as_digit(strokes, random.uniform(0.55, 0.8), random)


def looped_one(_: Picture, random: Generator) -> Picture:
    """As a script l: up, round a narrow loop, and down, now and then with a hook or a foot."""
    wide, crossing = random.uniform(0.15, 0.45), random.uniform(0.5, 0.85)
    middle = 0.5
    loop = [(middle - wide * random.uniform(0.4, 1.2), crossing + random.uniform(0, 0.12)), (middle + wide / 2, 0.3)]
    loop += [(middle + wide / 3, 0.02), (middle - wide / 4, 0.05), (middle - wide / 4, 0.45)]
    end = [(middle, 1.0)] if random.random() < 0.5 else [(middle - 0.05, 0.92), (middle + 0.2, 1.0)]
    return as_digit([rounded(jittered(loop + end, random))], random.uniform(0.6, 0.9), random)


def arched_one(_: Picture, random: Generator) -> Picture:
    """The flag goes over into the stem in a bend, from as low as the foot."""
    begin, reach = random.uniform(0.32, 0.95), random.uniform(0.3, 0.7)
    arch = [(0, begin), (reach * 0.55, begin * 0.4), (reach * 0.95, 0.0), (reach + 0.06, 0.18), (reach, 0.55)]
    stem = (reach - random.uniform(-0.08, 0.2), 1.0)
    return as_digit([rounded(jittered([*arch, stem], random))], random.uniform(0.55, 0.9), random)


def looped_two(_: Picture, random: Generator) -> Picture:
    """With a loop at the lower left."""
    loop = random.uniform(0.06, 0.14)
    shape = [(0.08, 0.25), (0.3, 0.02), (0.75, 0.08), (0.78, 0.35), (0.45, 0.7), (0.2, 0.98), (0.02, 1 - loop)]
    shape += [(0.15, 0.98 - 2 * loop), (0.45, 1 - loop), (0.75, 1), (1, 0.93)]
    return as_digit([jittered(shape, random)], random.uniform(0.6, 0.85), random)


def round_two(_: Picture, random: Generator) -> Picture:
    """A head that is nearly a ring, begun with a curl, and a loop or a knot at the foot."""
    head = ring((0.48, 0.27), (0.42, 0.27), random.uniform(-270, -170), random.uniform(30, 70))
    loop = random.uniform(0.05, 0.16)
    foot = [(0.5, 0.72), (0.22, 0.97), (0.03, 1 - loop), (0.14, 0.97 - 2 * loop), (0.45, 0.97 - loop / 2)]
    foot += [(0.75, random.uniform(0.97, 1.05)), (random.uniform(0.9, 1.2), random.uniform(0.75, 0.95))]
    start = [(random.uniform(0.2, 0.45), random.uniform(0.25, 0.42))] if random.random() < 0.5 else []
    points = np.concatenate((np.array(start).reshape(-1, 2), head, jittered(foot, random)))
    return as_digit([points], random.uniform(0.5, 0.85), random)


def flat_three(_: Picture, random: Generator) -> Picture:
    """A flat top, an angle, and a belly below."""
    knee = (random.uniform(0.3, 0.5), random.uniform(0.36, 0.46))
    top = [(random.uniform(-0.05, 0.15), random.uniform(0, 0.1)), (random.uniform(0.75, 0.95), 0.0), knee]
    belly = [(0.8, knee[1] + 0.05), (0.97, 0.72), (0.6, 1.0), (random.uniform(-0.05, 0.15), random.uniform(0.85, 0.98))]
    return as_digit([jittered(top + belly, random)], random.uniform(0.5, 0.85), random)


def open_four(_: Picture, random: Generator) -> Picture:
    """Open at the top in three cases of four: an angle, and a stem across its arm."""
    corner, stem = random.uniform(0.52, 0.82), random.uniform(0.6, 0.9)
    closed = random.random() < 0.25
    start = (stem, 0.0) if closed else (random.uniform(0.1, 0.35), random.uniform(0, 0.15))
    angle = jittered([start, (0, corner), (1.05, corner + random.uniform(-0.08, 0.04))], random)
    top = 0.0 if closed else random.uniform(0.0, corner - 0.15)
    down = jittered([(stem, top), (stem - random.uniform(-0.02, 0.12), 1)], random)
    return as_digit([angle, down], random.uniform(0.6, 0.9), random)


def one_stroke_four(_: Picture, random: Generator) -> Picture:
    """Down, along the arm, and by a turn or a loop up to the stem, without lifting the pen."""
    corner = random.uniform(0.5, 0.74)
    shape = [(random.uniform(0.1, 0.5), 0.0), (random.uniform(-0.05, 0.1), corner)]
    shape += [(random.uniform(0.45, 0.7), corner + random.uniform(-0.04, 0.08))]
    turn = random.uniform(0.8, 1.05)
    shape += [
        (turn, corner - random.uniform(0.08, 0.25)),
        (turn - random.uniform(0.0, 0.2), corner - random.uniform(0.2, 0.5)),
    ]
    shape += [(random.uniform(0.5, 0.85), random.uniform(0.9, 1.1))]
    return as_digit([rounded(jittered(shape, random))], random.uniform(0.55, 0.95), random)


def smooth_five(_: Picture, random: Generator) -> Picture:
    """In one stroke, as an S with an angular shoulder; or its top stroke set apart, and long."""
    corner = (random.uniform(0.05, 0.25), random.uniform(0.36, 0.5))
    belly = [corner, (0.6, corner[1] - 0.04), (0.92, 0.66), (0.6, 0.98), (random.uniform(-0.05, 0.15), 0.95)]
    if random.random() < 0.5:
        top = [(random.uniform(0.8, 1.1), random.uniform(-0.04, 0.12)), (random.uniform(0.2, 0.4), 0.04)]
        return as_digit([rounded(jittered(top + belly, random))], random.uniform(0.5, 0.85), random)
    rise = (random.uniform(0.15, 0.35), random.uniform(0.02, 0.16))
    bar = [
        (rise[0] + random.uniform(-0.02, 0.15), random.uniform(0, 0.1)),
        (random.uniform(0.9, 1.3), random.uniform(-0.1, 0.1)),
    ]
    return as_digit([jittered([rise, *belly], random), jittered(bar, random)], random.uniform(0.5, 0.8), random)


def straight_six(_: Picture, random: Generator) -> Picture:
    """A nearly straight stroke down into a ring."""
    height = random.uniform(0.2, 0.28)
    turn = np.deg2rad(np.linspace(180, 180 - random.uniform(330, 400), 14))
    bowl = np.column_stack((0.5 + 0.45 * np.cos(turn), 1 - height + height * np.sin(turn)))
    stem = jittered([(random.uniform(0.35, 0.9), 0), (random.uniform(0.15, 0.3), 0.4)], random)
    return as_digit([np.concatenate((stem, bowl))], random.uniform(0.5, 0.75), random)


def wavy_seven(_: Picture, random: Generator) -> Picture:
    """Straight or wavy at the top, half of them with a serif, which may be long, and most of them crossed."""
    right, foot = random.uniform(0.75, 1.0), random.uniform(0.2, 0.9)
    knee = ((right + foot) / 2 + random.uniform(-0.1, 0.06), 0.5)
    top = [(0, 0.05), (right, random.uniform(-0.05, 0.08))]
    if random.random() < 0.4:
        top[1:1] = [(0.3 * right, random.uniform(-0.06, 0.02)), (0.65 * right, random.uniform(0.04, 0.12))]
    if random.random() < 0.5:
        top.insert(0, (random.uniform(-0.1, 0.04), random.uniform(0.15, 0.42)))
    strokes = [jittered([*top, knee, (foot, 1)], random)]
    if random.random() < 0.7:
        strokes.append(_bar_across(strokes[0][-2:], random))
    return as_digit(strokes, random.uniform(0.4, 0.8), random)


def narrow_seven(_: Picture, random: Generator) -> Picture:
    """Far higher than wide, with a serif straight down on the left, a square shoulder and a steep stem."""
    top = [(0.0, random.uniform(0.14, 0.42)), (0.0, 0.08), (0.06, 0.0), (0.92, random.uniform(-0.02, 0.03)), (1.0, 0.1)]
    points = jittered([*top, (1.0, 0.3), (random.uniform(0.55, 1.0), 1.0)], random)
    return as_digit([points], random.uniform(0.27, 0.5), random)


def _bar_across(stem: Points, random: Generator) -> Points:
    """A bar through the lower half of a seven, given as (knee, foot), straight or wavy."""
    share = random.uniform(-0.1, 0.5)
    middle = (1 - share) * stem[0] + share * stem[1]
    half = np.array((random.uniform(0.2, 0.5), random.uniform(-0.12, 0.06)))
    along = np.linspace(-1, 1, 5)[:, None]
    wave = random.uniform(0.03, 0.08) * np.sin(np.pi * along) if random.random() < 0.4 else np.zeros_like(along)
    return np.asarray(middle + half * along + np.hstack((np.zeros_like(wave), wave)))


def open_eight(_: Picture, random: Generator) -> Picture:
    """Begun as an S and closed by a stroke upwards that crosses it and need not come home."""
    start = (random.uniform(0.75, 1.0), random.uniform(0.02, 0.2))
    snake = [start, (0.5, 0.0), (0.12, 0.17), (0.45, 0.45), (0.85, 0.72), (0.5, 1.0), (0.1, 0.8)]
    home = [(0.5, 0.48), (random.uniform(0.7, 0.95), random.uniform(0.1, 0.34))]
    return as_digit([rounded(jittered(snake + home, random))], random.uniform(0.45, 0.8), random)


def straight_nine(_: Picture, random: Generator) -> Picture:
    """A ring, closed or open at the top right, on a straight stem, a bent one or one with a tail."""
    height = random.uniform(0.22, 0.3)
    start, stop = random.uniform(-70, -5), random.uniform(-355, -330)
    turn = np.deg2rad(np.linspace(start, stop, 13))
    head = np.column_stack((0.5 + 0.45 * np.cos(turn), height + height * np.sin(turn)))
    head[0] += random.normal(0, 0.03, 2)
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
    return as_digit([head, jittered(stem, random)], random.uniform(0.45, 0.85), random)


def curled_nine(_: Picture, random: Generator) -> Picture:
    """As a script g: the head is one stroke with the stem, need not be closed, and the tail curls to the left."""
    neck, right = random.uniform(0.34, 0.46), random.uniform(0.75, 0.95)
    head = [(right - random.uniform(-0.05, 0.2), random.uniform(0.04, 0.16)), (0.5, 0.0), (0.08, neck * 0.5)]
    head += [(0.4, neck), (right - 0.1, neck * 0.75), (right + 0.02, random.uniform(0.08, 0.22))]
    tail = [(right, 0.55), (right - 0.1, 0.9), (0.45, 1.0), (random.uniform(-0.05, 0.25), random.uniform(0.78, 0.98))]
    return as_digit([rounded(jittered(head + tail, random))], random.uniform(0.45, 0.8), random)


def ribbon_nine(_: Picture, random: Generator) -> Picture:
    """A loop that the pen enters from below and leaves across where it entered, down to the left or to the right."""
    height, crossing = random.uniform(0.2, 0.3), random.uniform(0.5, 0.62)
    head = ring((0.5, height), (0.46, height), random.uniform(120, 165), random.uniform(370, 420))
    side = 1 if random.random() < 0.5 else -1
    entered = (random.uniform(0.3, 0.6), crossing - random.uniform(0, 0.06))
    tail = [(random.uniform(0.35, 0.5), crossing), (random.uniform(0.1, 0.45), random.uniform(0.9, 1.05))]
    points = np.concatenate((np.array((entered,)), head, jittered(tail, random)))
    return as_digit([(points - (0.5, 0)) * (side, 1) + (0.5, 0)], random.uniform(0.45, 0.8), random)
