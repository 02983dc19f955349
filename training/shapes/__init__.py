"""Shapes that MNIST hardly has and other countries write: crossed sevens, flagged ones, open fours, straight nines."""

from __future__ import annotations

from collections.abc import Callable

from numpy.random import Generator

from training.shapes import drawn, plain
from training.shapes.added import crossed_seven, flagged_one, serifed_seven, slashed_zero
from training.shapes.angular import angular
from training.shapes.strokes import Picture

Shape = Callable[[Picture, Generator], Picture]

ANGULAR = 0.04
"""Share of each digit that is written over guides: of most writers never, of those with such forms always."""
SHAPES: dict[int, tuple[tuple[float, Shape], ...]] = {
    label: (*shapes, (ANGULAR, angular(label)))
    for label, shapes in {
        0: ((0.03, slashed_zero), (0.06, drawn.tailed_zero), (0.08, drawn.chained_zero)),
        1: (
            (0.12, flagged_one),
            (0.12, plain.plain_one),
            (0.13, drawn.long_flagged_one),
            (0.07, drawn.arched_one),
            (0.03, drawn.looped_one),
        ),
        2: ((0.05, drawn.looped_two), (0.09, drawn.round_two)),
        3: ((0.05, drawn.flat_three),),
        4: ((0.16, drawn.open_four), (0.08, drawn.one_stroke_four), (0.06, plain.closed_four), (0.03, plain.phi_four)),
        5: ((0.06, drawn.smooth_five),),
        6: ((0.04, drawn.straight_six),),
        7: (
            (0.15, crossed_seven),
            (0.06, serifed_seven),
            (0.17, drawn.wavy_seven),
            (0.05, drawn.narrow_seven),
            (0.1, plain.straight_seven),
        ),
        8: ((0.06, drawn.open_eight),),
        9: (
            (0.17, drawn.straight_nine),
            (0.08, drawn.curled_nine),
            (0.05, drawn.ribbon_nine),
            (0.05, plain.hooked_nine),
        ),
    }.items()
}
"""Shares of each digit. Sevens and ones are where a model of MNIST alone errs most on European writing."""


def european(large: Picture, label: int, random: Generator) -> Picture:
    """``large`` [56, 56] of the digit ``label``, or for a share of the digits another shape of the same."""
    draw = random.random()
    for share, shape in SHAPES.get(label, ()):
        if draw < share:
            return shape(large, random)
        draw -= share
    return large
