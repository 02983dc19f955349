"""The smooth field of displacements that takes paper that bends from where its pose says to where it is.

Small patches of the print are looked for near where they should be, by normalised correlation. A patch with nothing
but a line tells of one direction alone, and its structure tensor says so (Förstner and Gülch, "A fast operator for
detection and precise location of distinct points", 1987). A grid of displacements is then fitted to all of them by
least squares with a penalty on its second differences. Patches that contradict their neighbours lose their weight
(Geman and McClure's function, by iteration).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped

Grey = NDArray[np.uint8]

NODES = 13
"""Nodes of the grid along the shorter side of the page: one each 17 mm of A4."""
STEP = 32
"""Pixels between patches, at most one in each such square."""
REACH = 20
"""A patch goes so many pixels to each side of its middle: 10 mm in all."""
MOST_PATCHES = 200
LEAST_INK = 60.0
"""Mean squared gradient of a patch that shows enough to be found again; speckles alone have less."""
STRETCH = 8
"""Pixels between the points whose place is worked out one by one; between them it is linear."""


@dataclass(frozen=True)
class Patches:
    """Parts of a reference's print.

    Attributes:
        centres: int64[n, 2], in order of use: near the fields first.
        tensors: float64[n, 2, 2], what each says of a displacement; 1 in a direction that it tells well.
    """

    centres: NDArray[np.int64]
    tensors: Floats


def patches_of(ink: Grey, boxes: Floats, reach: int = REACH) -> Patches:
    """Where the print of a reference is worth looking for, at most MOST_PATCHES places.

    Args:
        ink: the reference's, at WORK_DPI.
        boxes: float[m, 2], middles of the boxes of all fields.
    """
    across, down = (cv2.Sobel(ink, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    window = (2 * reach + 1, 2 * reach + 1)
    xx, xy, yy = (cv2.blur(product, window) for product in (across * across, across * down, down * down))
    trace = xx + yy
    smaller = (trace - np.sqrt((xx - yy) ** 2 + 4 * xy**2)) / 2
    worth = smaller + 0.1 * trace
    height, width = ink.shape
    centres = []
    for top in range(reach, height - reach, STEP):
        for left in range(reach, width - reach, STEP):
            part = worth[top : min(top + STEP, height - reach), left : min(left + STEP, width - reach)]
            y, x = np.unravel_index(int(part.argmax()), part.shape)
            if trace[top + y, left + x] >= LEAST_INK:
                centres.append((left + int(x), top + int(y)))
    chosen = _spread(np.array(centres, np.int64).reshape(-1, 2), boxes)
    x, y = chosen.T
    full = np.stack((xx[y, x], xy[y, x], xy[y, x], yy[y, x]), axis=1).reshape(-1, 2, 2).astype(np.float64)
    return Patches(chosen, 2 * full / (full[:, 0, 0] + full[:, 1, 1])[:, None, None])


def _spread(centres: NDArray[np.int64], boxes: Floats) -> NDArray[np.int64]:
    """Half of them near a box, half wherever else, each in an order that covers the page."""
    order = np.random.default_rng(0).permutation(len(centres))
    centres = centres[order]
    if not len(boxes) or not len(centres):
        return centres[:MOST_PATCHES]
    near = np.array([np.abs(boxes - centre).max(axis=1).min() < 2 * STEP for centre in centres])
    first, others = centres[near], centres[~near]
    many = max(MOST_PATCHES // 2, MOST_PATCHES - len(others))
    kept, rest = first[:many], others[: MOST_PATCHES - min(many, len(first))]
    together = np.concatenate((kept, rest))
    return together[np.random.default_rng(1).permutation(len(together))]


class Sheet:
    """The flat page as a grid of nodes, each displaced: what a bend is, and how stiff paper makes it."""

    def __init__(self, width: int, height: int) -> None:
        spacing = min(width, height) / (NODES - 1)
        self.columns, self.rows = round(width / spacing) + 1, round(height / spacing) + 1
        self._scale = np.array([(self.columns - 1) / width, (self.rows - 1) / height])
        bends, stretches = self._differences(2), self._differences(1)
        self._stiffness = bends.T @ bends, stretches.T @ stretches
        self._stiff: dict[tuple[float, float], Floats] = {}
        # neighbours of a row are two rows away at most: of all equations those of two rows know the next two alone
        self.block = 4 * self.columns

    def stiff(self, bends: float, stretches: float) -> Floats:
        """What the paper asks for by the weights of its second and first differences, float[2 nodes, 2 nodes]; x and y
        of each node stand side by side."""
        if (bends, stretches) not in self._stiff:
            one = bends * self._stiffness[0] + stretches * self._stiffness[1]
            one += 1e-6 * np.eye(self.columns * self.rows)
            self._stiff[bends, stretches] = np.kron(one, np.eye(2))
        return self._stiff[bends, stretches]

    def corners(self, points: Floats) -> tuple[NDArray[np.int64], Floats]:
        """The four nodes around each point, int64[n, 4], and the shares float[n, 4] that it takes of them."""
        places = np.clip(points * self._scale, 0, [self.columns - 1, self.rows - 1])
        first = np.minimum(places.astype(np.int64), [max(self.columns - 2, 0), max(self.rows - 2, 0)])
        x, y = (places - first).T
        left, top = first.T
        node = top * self.columns + left
        nodes = np.stack((node, node + 1, node + self.columns, node + self.columns + 1), axis=1)
        return nodes, np.stack(((1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y), axis=1)

    def _differences(self, order: int) -> Floats:
        """Differences of this order along rows and columns, float[d, nodes]."""
        along = np.diff(np.eye(self.columns), order, axis=0)
        down = np.diff(np.eye(self.rows), order, axis=0)
        return np.concatenate((np.kron(np.eye(self.rows), along), np.kron(down, np.eye(self.columns))))

    def weights(self, points: Floats) -> Floats:
        """How much of each node's displacement a point takes, float[n, nodes]; points off the page go with its edge."""
        x, y = (points * self._scale).T
        shares = _hats(y, self.rows)[:, :, None] * _hats(x, self.columns)[:, None, :]
        return np.asarray(shares.reshape(len(points), -1))

    def displaced(self, bend: Floats, x: Floats, y: Floats) -> Floats:
        """The displacements float[len(y), len(x), 2] at every crossing of columns ``x`` and rows ``y``."""
        grid = bend.reshape(self.rows, self.columns, 2)
        across, down = _hats(x * self._scale[0], self.columns), _hats(y * self._scale[1], self.rows)
        return np.asarray(np.einsum("yr,rcd,xc->yxd", down, grid, across, optimize=True))

    def flat(self) -> Floats:
        """No displacement, float[nodes, 2]."""
        return np.zeros((self.columns * self.rows, 2))


def _hats(places: Floats, nodes: int) -> Floats:
    """Weights float[n, nodes] of linear interpolation between nodes at 0, 1, 2 and so on."""
    kept = np.clip(places, 0, nodes - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(kept[:, None] - np.arange(nodes))))


@dataclass(frozen=True)
class Level:
    """One round of looking and fitting. ``half`` halves the pictures; the lengths are pixels at WORK_DPI.

    Attributes:
        search: how far from its place a patch is looked for.
        spreads: residual from which on a patch is doubted, for each time that it is asked again.
        stiffness: weights of second and of first differences against one patch.
        patches: how many are looked for.
    """

    half: bool
    search: int
    spreads: tuple[float, ...]
    stiffness: tuple[float, float]
    patches: int


@dataclass(frozen=True)
class Found:
    """What looking for patches gave: ``shifts`` float[n, 2] from where each was expected, and its correlation."""

    shifts: Floats
    likeness: Floats


def found_in(reference: Grey, seen: Grey, centres: NDArray[np.int64], search: int, reach: int) -> Found:
    """Looks for each patch of a reference in a picture that should show the same in the same place."""
    room = search + reach
    around = cv2.copyMakeBorder(seen, room, room, room, room, cv2.BORDER_CONSTANT, value=0)
    answers = np.zeros((len(centres), 2 * search + 1, 2 * search + 1), np.float32)
    for answer, (x, y) in zip(answers, centres.tolist(), strict=True):
        patch = reference[y - reach : y + reach + 1, x - reach : x + reach + 1]
        window = around[y : y + 2 * room + 1, x : x + 2 * room + 1]
        cv2.matchTemplate(window, patch, cv2.TM_CCOEFF_NORMED, answer)
    # a window without any contrast gives what is no number, or more than 1
    answers[~(np.abs(answers) <= 1.001)] = 0
    return _peaks(answers)


def _peaks(answers: NDArray[np.float32]) -> Found:
    """The highest of each of n square pictures, by parabolas through it and its neighbours, from their middles."""
    many, side = answers.shape[:2]
    lines, best = np.arange(many), answers.reshape(many, -1).argmax(axis=1)
    y, x = np.divmod(best, side)
    # at the edge of what was searched there is no neighbour on one side, and no parabola
    inner_y, inner_x = np.clip(y, 1, side - 2), np.clip(x, 1, side - 2)
    across = _vertex(*(answers[lines, y, inner_x + step] for step in (-1, 0, 1))) * (x == inner_x)
    down = _vertex(*(answers[lines, inner_y + step, x] for step in (-1, 0, 1))) * (y == inner_y)
    shifts = np.column_stack((x + across, y + down)) - (side - 1) / 2
    return Found(shifts, answers[lines, y, x].astype(float))


def _vertex(before: Floats, peak: Floats, after: Floats) -> Floats:
    """Where the parabola through three neighbours is highest, from the middle one, -0.5 to 0.5."""
    bend = np.minimum(before - 2 * peak + after, -1e-6)
    return np.asarray(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))


def fitted(
    sheet: Sheet, places: Floats, tensors: Floats, targets: Floats, trust: Floats, level: Level, bend: Floats
) -> Floats:
    """Displacements float[nodes, 2] that patches at ``places`` float[n, 2] ask for by ``targets`` float[n, 2], in so
    far as they agree."""
    nodes, shares = sheet.corners(places)
    unknowns = 2 * len(bend)
    stiff = sheet.stiff(*level.stiffness)
    # where in the matrix each pair of a patch's nodes, and each pair of directions, adds to
    rows = 2 * nodes[:, :, None] + np.arange(2)
    entries = rows[:, :, None, :, None] * unknowns + rows[:, None, :, None, :]
    pairs = shares[:, :, None] * shares[:, None, :]
    for spread in level.spreads:
        off = np.einsum("nk,nkd->nd", shares, bend[nodes]) - targets
        squared = np.einsum("ni,nij,nj->n", off, tensors, off)
        pull = (trust / (1 + squared / spread**2) ** 2)[:, None, None] * tensors
        added = pairs[:, :, :, None, None] * pull[:, None, None]
        matrix = stiff + np.bincount(entries.ravel(), added.ravel(), unknowns**2).reshape(unknowns, unknowns)
        wanted = shares[:, :, None] * np.einsum("nij,nj->ni", pull, targets)[:, None]
        side: Floats = np.bincount(rows.ravel(), wanted.ravel(), unknowns).astype(np.float64)
        bend = _solved(matrix, side, sheet.block).reshape(-1, 2)
    return bend


def _solved(matrix: Floats, side: Floats, block: int) -> Floats:
    """Solves symmetric equations of which each block of so many knows its neighbours alone."""
    steps = []
    own, wanted = matrix[:block, :block], side[:block]
    for start in range(0, len(side), block):
        following = slice(start + block, start + 2 * block)
        coupling = matrix[start : start + block, following]
        found = np.linalg.solve(own, np.column_stack((coupling, wanted)))
        steps.append((found[:, :-1], found[:, -1]))
        own = matrix[following, following] - coupling.T @ found[:, :-1]
        wanted = side[following] - coupling.T @ found[:, -1]
    result = [steps[-1][1]]
    for share, alone in reversed(steps[:-1]):
        result.append(alone - share @ result[-1])
    return np.concatenate(result[::-1])


def straightened(ink: Grey, pose: Floats, sheet: Sheet, bend: Floats, size: tuple[int, int], scale: float = 1) -> Grey:
    """The scan's ink as the reference sees it, uint8; 0 where the scan ends.

    Args:
        size: width and height of the reference in pixels at WORK_DPI.
        scale: of the picture that is wanted: 0.5 gives one of half as many pixels a side.
    """
    width, height = int(size[0] * scale), int(size[1] * scale)
    if not bend.any():
        smaller = np.diag([1 / scale, 1 / scale, 1])
        smaller[:2, 2] = (1 / scale - 1) / 2
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpPerspective(ink, pose @ smaller, (width, height), flags=flags), np.uint8)
    # resizing by STRETCH puts the points of a lattice in the middle of so many pixels
    columns, rows = width // STRETCH + 3, height // STRETCH + 3
    x, y = ((np.arange(many) - 0.5) * STRETCH / scale - 0.5 for many in (columns, rows))
    lattice = np.stack(np.meshgrid(x, y), axis=-1) + sheet.displaced(bend, x, y)
    places = mapped(pose, lattice.reshape(-1, 2)).reshape(lattice.shape).astype(np.float32)
    spread = cv2.resize(places, (columns * STRETCH, rows * STRETCH), interpolation=cv2.INTER_LINEAR)
    way = np.ascontiguousarray(spread[STRETCH : STRETCH + height, STRETCH : STRETCH + width])
    # OpenCV takes both coordinates in one map, and its type stubs do not know it
    return np.asarray(cv2.remap(ink, way, None, cv2.INTER_LINEAR), np.uint8)  # type: ignore[call-overload]
