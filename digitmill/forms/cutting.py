"""Boxes of a registered page, straightened, with the print taken out and the ink of people left in.

Where the reference is a blank page, its own print at the box is known: it is brought to the scan's place by a shift
of its own, since a pixel matters to a line of three, and what it covers turns to paper. Elsewhere the lines of the
box are taken out along its sides. Either way ink that is darker than the print stays, and so does ink that goes on at
both sides of it, or makes one of its lines thicker than it is elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.along_lines import along_lines
from digitmill.forms.geometry import Floats, Quad, homography_between, mapped, sides_of
from digitmill.forms.registration.finding import Registration
from digitmill.forms.registration.ink import LEAST_CONTRAST
from digitmill.forms.registration.reference import Prints
from digitmill.forms.shades import shade_of, without_shade
from digitmill.forms.template import DigitsField, Template

Grey = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""Left, top, right and bottom of a box in its cut, in pixels."""

MARGIN = 0.25
"""Room around a box, by its shorter side: it shows what spills over."""
FINEST, COARSEST = 64, 28
"""Pixels of a box's shorter side in a cut: as in the scan, within these."""
LONGEST = 2_000
"""Pixels of a cut's longer side."""
SHIFT = 3
"""Pixels that the print of a box is looked for beside its place."""
PRINT = 80
"""Ink of a blank reference, 0 to 255, from which on it is print."""
DARKER = 90
"""Ink by which a pixel over print is darker than the print alone would be."""
FAINT = 40
"""Ink from which on a pixel belongs to the same piece as its neighbour."""
RIM = 3
"""Pixels around what print covers that may be its blurred edge."""
LINE = 0.5
"""Share of a box's side that a line along it covers at least."""
BESIDE = 0.12
"""Room on both sides of a box's side, by its shorter side, in which its line is looked for."""


AROUND = 0.25
"""Room around a field where it is shown, by its shorter side."""
LEAST_AROUND = 8.0
"""The same in pixels of the reference."""
KEPT = 4096
"""Boxes of templates whose size and margin are worked out once: two of the largest templates have so many."""


class Printed(Protocol):
    """What cutting needs to know of a template and its reference picture."""

    @property
    def template(self) -> Template: ...
    @property
    def picture(self) -> Grey: ...
    @property
    def prints(self) -> Prints: ...


@dataclass(frozen=True)
class Cut:
    """A box of a page.

    Attributes:
        picture: uint8 [height, width], 0 black to 255 white, as the scan has it.
        ink: uint8 of the same shape, 0 for paper to 255, without print.
        raw: the same with print.
        box: where the box is in it.
        corners: its own corners TL TR BR BL in the scan, float[4, 2].
        paper: the grey level of its paper.
        printed: the ink of the blank reference there, uint8 of the same shape; None where the reference is not blank.
    """

    picture: Grey
    ink: Grey
    raw: Grey
    box: Box
    corners: Floats
    paper: int
    printed: Grey | None = None

    def on_scan(self, points: Floats) -> Floats:
        """Points float[n, 2] of the cut as points of the scan."""
        height, width = self.picture.shape
        own = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) - 0.5
        return mapped(homography_between(own, self.corners), points)


def cuts_of(registration: Registration, field: int) -> tuple[Cut, ...]:
    """Each box of the field of this number, in the order of its ``quads``."""
    each = registration.reference.template.fields[field]
    around = [_with_margin(quad) for quad in each.quads]
    seen = registration.seen(np.concatenate(around)).reshape(-1, 4, 2)
    scan, alone = registration.scan, isinstance(each, DigitsField)
    parts = zip(each.quads, around, seen, strict=True)
    return tuple(_cut(scan.picture, scan.whole, registration.reference, *one, alone=alone) for one in parts)


def cut_of(registration: Registration, quad: Quad) -> Cut:
    """Any part of the page, given by its corners on the reference."""
    around = _with_margin(quad)
    scan = registration.scan
    return _cut(scan.picture, scan.whole, registration.reference, quad, around, registration.seen(around), alone=False)


def cuts_within(page: Grey, reference: Printed, field: int, place: Floats) -> tuple[Cut, ...]:
    """The same boxes of a page that was found before.

    Args:
        page: the decoded scan, uint8 [height, width].
        place: the corners of ``outline_of`` the field on it, float[4, 2].
    """
    each = reference.template.fields[field]
    way, alone = homography_between(np.array(outline_of(each.quads)), place), isinstance(each, DigitsField)
    parts = ((quad, around, mapped(way, around)) for quad, around in ((q, _with_margin(q)) for q in each.quads))
    return tuple(_cut(page, np.eye(3), reference, *one, alone=alone) for one in parts)


def outline_of(quads: Sequence[Quad]) -> list[tuple[float, float]]:
    """The rectangle around the boxes of a field, with room, on the reference: what is shown of it, and told of its
    place."""
    points = np.array(quads).reshape(-1, 2)
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    room = max(LEAST_AROUND, AROUND * min(right - left, bottom - top))
    left, top, right, bottom = left - room, top - room, right + room, bottom + room
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def strip_of(registration: Registration, field: int) -> Cut | None:
    """The row of all boxes of the field of this number; None where they stand in no row."""
    quads = registration.reference.template.fields[field].quads
    middles = np.array(quads).mean(axis=1)
    high = min(_extent(quad)[1] for quad in quads)
    if np.ptp(middles[:, 1]) > high / 2 or (np.diff(middles[:, 0]) <= 0).any():
        return None
    return cut_of(registration, (quads[0][0], quads[-1][1], quads[-1][2], quads[0][3]))


@lru_cache(KEPT)
def _with_margin(quad: Quad) -> Floats:
    """The corners float[4, 2] of a box and the room around it. Not to be written to."""
    width, height = _extent(quad)
    room = MARGIN * min(width, height)
    flat = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    return mapped(
        homography_between(flat, np.array(quad)), flat + room * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    )


@lru_cache(KEPT)
def _extent(quad: Quad) -> tuple[float, float]:
    """Width and height of a box, of its sides in the mean."""
    top, right, bottom, left = sides_of(quad).tolist()
    return (top + bottom) / 2, (left + right) / 2


def _cut(
    scan: Grey, whole: Floats, reference: Printed, quad: Quad, around: Floats, seen: Floats, *, alone: bool
) -> Cut:
    """One box.

    Args:
        scan: the picture of the page, uint8 [height, width].
        whole: homography float[3, 3] from it to the scan as it came.
        around: its corners with its margin in the reference, float[4, 2].
        seen: where the picture has them.
        alone: whether it is the box of one digit, of which strokes along its lines are kept. On a strip, and in a box
            to tick, whatever lies along a line is no digit of its own.
    """
    width, height = _extent(quad)
    shorter = float(np.linalg.norm(seen - np.roll(seen, 1, axis=0), axis=1).min()) / (1 + 2 * MARGIN)
    scale = _scale(shorter, min(width, height), max(width, height))
    room = round(MARGIN * min(width, height) * scale)
    size = round(width * scale) + 2 * room, round(height * scale) + 2 * room
    box = room, room, size[0] - room, size[1] - room
    # a pixel's middle lies at a whole number, so the edges of the picture lie between pixels
    out = np.array([[0, 0], [size[0], 0], [size[0], size[1]], [0, size[1]]], float) - 0.5
    picture = _straight(scan, seen, out, size)
    printed = None
    if reference.template.page.blank:
        fine = max(1, int(np.ceil(1 / scale)))
        printed, shade = _print_of(reference, quad, around, size, fine)
        picture = without_shade(picture, shade)
        paper, raw = _ink(picture)
        # where the grain of a finer picture is averaged, fainter ink is print as well
        ink = without_print(raw, printed, box if alone else None, PRINT / float(np.sqrt(fine)))
    else:
        paper, raw = _ink(picture)
        ink = without_lines(raw, box, along=alone)
    return Cut(picture, ink, raw, box, mapped(whole, seen), paper, printed)


def _print_of(reference: Printed, quad: Quad, around: Floats, size: tuple[int, int], fine: int) -> tuple[Grey, Grey]:
    """The ink of a blank reference at a box, as it is cut out, and its shade."""
    key = (quad, size)
    printed, shade = reference.prints.get(key), reference.prints.get((*key, "shade"))
    if printed is None or shade is None:
        blank = _smaller(reference.picture, around, size, fine)
        shade = shade_of(blank)
        printed = _ink(without_shade(blank, shade))[1]
        reference.prints.keep(key, printed)
        reference.prints.keep((*key, "shade"), shade)
    return printed, shade


def _scale(seen: float, shorter: float, longer: float) -> float:
    """Pixels of a cut by those of the reference."""
    return float(min(np.clip(seen, COARSEST, FINEST) / shorter, LONGEST / longer))


def _straight(picture: Grey, corners: Floats, out: Floats, size: tuple[int, int]) -> Grey:
    """The part of a picture between four corners as a picture of ``size``; what lies outside of it is as its edge."""
    way = homography_between(out, corners)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpPerspective(picture, way, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _smaller(picture: Grey, corners: Floats, size: tuple[int, int], fine: int) -> Grey:
    """As ``_straight``, of ``fine`` times as many pixels a side: a thin line stays, though paler."""
    width, height = fine * size[0], fine * size[1]
    out = np.array([[0, 0], [width, 0], [width, height], [0, height]], float) - 0.5
    straight = _straight(picture, corners, out, (width, height))
    return straight if fine == 1 else np.asarray(cv2.resize(straight, size, interpolation=cv2.INTER_AREA), np.uint8)


def _ink(picture: Grey) -> tuple[int, Grey]:
    """The grey level of the paper of a small picture; and 0 for it, 255 for its darkest ink, pale where even that is
    pale."""
    below = np.cumsum(np.bincount(picture.ravel(), minlength=256)) / picture.size
    darkest, paper = (float(np.searchsorted(below, share)) for share in (0.01, 0.8))
    darkest = min(darkest, paper - LEAST_CONTRAST)
    levels = np.clip((paper - np.arange(256)) * (255 / (paper - darkest)), 0, 255)
    return int(paper), np.asarray(cv2.LUT(picture, levels.astype(np.uint8)), np.uint8)


def without_print(ink: Grey, printed: Grey, box: Box | None, least: float = PRINT) -> Grey:
    """Ink of a box without the print that a blank reference has there, both uint8 of one shape, 0 for paper to 255.
    From ``least`` on ink of the reference is print. Strokes that run along a line of the ``box`` are kept."""
    if (printed >= least).sum() < SHIFT:
        return ink
    moved = _moved(printed, ink)
    on_print = moved >= least
    if not on_print.any():
        return ink
    covered = cv2.dilate(on_print.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    # a thin line is paler than a thick one, on the reference and on the scan
    strength = _middle(ink[on_print])
    own = np.asarray(cv2.dilate(moved, np.ones((3, 3), np.uint8)), np.float64) * strength / _middle(moved[on_print])
    return _taken_out(ink, covered, np.maximum(own, strength), box)


def _middle(values: NDArray[Any]) -> float:
    """The median, of an even number the upper one: in a tenth of the time that NumPy's takes for so few."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def _moved(printed: Grey, ink: Grey) -> Grey:
    """The print where the scan has it: shifted by the pixels by which it covers most ink."""
    around = cv2.copyMakeBorder(ink, SHIFT, SHIFT, SHIFT, SHIFT, cv2.BORDER_CONSTANT, value=0)
    tries = np.asarray(cv2.matchTemplate(around, printed, cv2.TM_CCORR))
    y, x = np.unravel_index(int(tries.argmax()), tries.shape)
    move = np.array([[1, 0, x - SHIFT], [0, 1, y - SHIFT]], np.float32)
    return np.asarray(cv2.warpAffine(printed, move, (ink.shape[1], ink.shape[0])), np.uint8)


def without_lines(ink: Grey, box: Box, *, along: bool = True) -> Grey:
    """Ink of a box without the lines that run along its sides, wherever they run through the cut. ``along`` keeps
    strokes that do so too."""
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    beside = max(2, round(BESIDE * min(width, height)))
    dark = (ink >= PRINT).astype(np.uint8)
    level = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((1, max(3, round(LINE * width))), np.uint8))
    upright = cv2.morphologyEx(dark, cv2.MORPH_OPEN, np.ones((max(3, round(LINE * height)), 1), np.uint8))
    rows, columns = np.zeros(ink.shape[0], bool), np.zeros(ink.shape[1], bool)
    for kept, ends in ((rows, (top, bottom)), (columns, (left, right))):
        for end in ends:
            kept[max(0, end - beside) : end + beside] = True
    lines = (np.asarray(level) > 0) & rows[:, None] | (np.asarray(upright) > 0) & columns
    if not lines.any():
        return ink
    covered = cv2.dilate(lines.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return _taken_out(ink, covered, _middle(ink[lines]), box if along else None)


def _taken_out(ink: Grey, covered: NDArray[np.bool_], strength: Floats | float, box: Box | None) -> Grey:
    """Ink with paper where print covers it, but for what is darker than print or crosses it.

    Args:
        covered: bool of the ink's shape, true on print.
        strength: ink of the print in the scan, of each pixel or of all.
    """
    rest = np.where(covered & (ink < strength + DARKER), 0, ink).astype(np.uint8)
    # what does not reach beyond the rim of the print is the rim: print of a scan is wider than that of its reference
    near = cv2.dilate(covered.astype(np.uint8), np.ones((2 * RIM + 1, 2 * RIM + 1), np.uint8)) > 0
    many, parts = cv2.connectedComponents((rest >= FAINT).astype(np.uint8))
    reaching = np.zeros(many, bool)
    reaching[np.asarray(parts)[~near & (rest >= PRINT)]] = True
    if not reaching.any():
        return np.where(near, 0, rest).astype(np.uint8)
    rest = np.where(near & ~reaching[parts], 0, rest).astype(np.uint8)
    # a stroke that goes on at both sides of a line is bridged by closing over the line's thickness
    thickness = _thickness(covered)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (thickness + 3, thickness + 3))
    strokes = (rest >= PRINT).astype(np.uint8)
    bridged = np.asarray(cv2.morphologyEx(strokes, cv2.MORPH_CLOSE, kernel)) > 0
    rest = np.where(covered & bridged, ink, rest).astype(np.uint8)
    return rest if box is None else _with_strokes_along(rest, ink, covered, near, box, thickness)


def _with_strokes_along(
    rest: Grey, ink: Grey, covered: NDArray[np.bool_], near: NDArray[np.bool_], box: Box, thickness: int
) -> Grey:
    """With strokes that run along a line of the box and belong to one that goes on beyond the rim of the print."""
    strokes = rest >= PRINT
    if not (near & strokes).any():
        return rest
    left, top, right, bottom = box
    about = np.s_[max(0, top - thickness) : bottom + thickness, max(0, left - thickness) : right + thickness]
    along = np.zeros(ink.shape, bool)
    along[about] = along_lines(ink, covered, strokes, _thickness(strokes))[about]
    along &= (ink >= PRINT) & ~strokes
    if not along.any():
        return rest
    many, parts = cv2.connectedComponents((strokes | along).astype(np.uint8))
    reaching = np.zeros(many, bool)
    reaching[np.asarray(parts)[strokes & ~near]] = True
    return np.where(along & reaching[parts], ink, rest).astype(np.uint8)


def _thickness(covered: NDArray[np.bool_]) -> int:
    """Pixels across the usual line or stroke of a mask."""
    inside = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, 3)
    ridge = inside[covered & (inside >= np.asarray(cv2.dilate(inside, np.ones((3, 3), np.uint8))))]
    return int(np.ceil(2 * _middle(ridge))) if ridge.size else 1
