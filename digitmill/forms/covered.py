"""Boxes with something on them that hides their print: correction fluid, a sticker, a corner of another sheet.

What stood in such a box, or was to be written over it, is unknown. It shows by the line above or below the box, which
is gone there, though most boxes of the same field have it. Lines on both sides of a box tell less: a fax loses whole
columns of the page.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.cutting import PRINT, SHIFT, Cut

Floats = NDArray[np.float64]

RIM, CORNER = 0.08, 0.1
"""Of a box's shorter side: how far its line is from where it should be at most, and what counts for none at its ends,
where other lines cross."""
PRINTED = 0.25
"""Share of a line that is print, at least: of dotted lines much is paper."""
PALE = 0.35
"""By the usual contrast of the print of a line, below which it is gone."""
GONE = 0.5
"""Share of a line that is gone in a box and not in most others, at least. On 40 drawn pages (seed 4711) 2 of 377 fields
with empty boxes had such a box though nothing lay on it, dotted ones on a fax and at 80 dots per inch; of 56 boxes that
were whitened with their lines 49 were found, of 21 whose upper line was left 15."""


def covered(cuts: Sequence[Cut]) -> list[bool]:
    """Which boxes of a field, all of them given, lack print that most of the others have."""
    lines = [_lines(cut) for cut in cuts]
    found = np.zeros((len(cuts), 2))
    for line in range(2):
        usual = sorted(_middle(each[line]) for each in lines)[len(lines) // 2]
        gone = np.array([float((each[line] < PALE * usual).mean()) if each[line].size else 0.0 for each in lines])
        found[:, line] = gone - np.sort(gone)[(len(gone) - 1) // 2]
    return [bool(each.any()) for each in found >= GONE]


def _lines(cut: Cut) -> tuple[Floats, Floats]:
    """How much darker than paper the scan is on the print above and below the box, pixel by pixel; empty where there is
    none."""
    if cut.printed is None:
        return np.zeros(0), np.zeros(0)
    left, top, right, bottom = cut.box
    shorter = min(right - left, bottom - top)
    rim, corner = max(SHIFT, round(RIM * shorter)), round(CORNER * shorter)
    darker = np.maximum(cut.paper - cut.picture.astype(np.int16), 0).astype(np.uint8)
    # the scan may have its print some pixels beside the reference's
    darker = np.asarray(cv2.dilate(darker, np.ones((2 * SHIFT + 1, 2 * SHIFT + 1), np.uint8)), np.uint8)
    on_print = np.where(cut.printed >= PRINT, darker.astype(np.float64), -1)
    above, below = (
        on_print[end - rim : end + rim, left + corner : right - corner].max(axis=0) for end in (top, bottom)
    )
    return _on_print(above), _on_print(below)


def _on_print(line: Floats) -> Floats:
    held = line[line >= 0]
    return held if held.size >= PRINTED * line.size else np.zeros(0)


def _middle(line: Floats) -> float:
    return float(np.median(line)) if line.size else 0.0
