"""What is found out of a form page besides its values. Points are x and y in pixels of the decoded picture."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

Corners = tuple[tuple[float, float], ...]
"""Four points, TL TR BR BL as a reader of the page sees them."""


class FormPage(NamedTuple):
    """What was found out of a form page besides its values.

    Attributes:
        template: the label of the template that it is of.
        method: what it was found by: markers, code or print.
        score: how well it fits, 0.0 to 1.0.
        corners: of the template's reference on the scan.
        places: of each field on the scan, by its name.
        checks: the rules of the template, and whether each holds; None where a value that it asks for is not there.
        digest: of the decoded picture; empty on pages from before there were any, as are sketches.
        sketch: where ink lies in the boxes of its numbers, as ``forms/sketch.py`` has it.
    """

    template: str
    method: str
    score: float
    corners: Corners
    places: Mapping[str, Corners]
    checks: tuple[tuple[str, bool | None], ...] = ()
    digest: str = ""
    sketch: bytes = b""


AROUND_CHARACTER = 0.15
"""Room around a character where it is shown, by its sides."""


def turned_like(field: Corners, box: tuple[int, int, int, int]) -> Corners:
    """The corners TL TR BR BL of a box of the scan, with room, as a reader of the page sees them: its sides run along
    those of the field.

    Args:
        field: the corners of the field on the scan.
        box: left, top, right and bottom of the box on the scan.
    """
    left, top, right, bottom = box
    across, down = (_direction(field[0], field[other]) for other in (1, 3))
    middle = (left + right) / 2, (top + bottom) / 2
    half = [
        (0.5 + AROUND_CHARACTER) * (abs(way[0]) * (right - left) + abs(way[1]) * (bottom - top))
        for way in (across, down)
    ]
    return tuple(
        (
            middle[0] + x * half[0] * across[0] + y * half[1] * down[0],
            middle[1] + x * half[0] * across[1] + y * half[1] * down[1],
        )
        for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))
    )


def _direction(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    length = math.dist(start, end) or 1.0
    return (end[0] - start[0]) / length, (end[1] - start[1]) / length
