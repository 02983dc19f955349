"""The likeliest string of digits in a strip: all ways to group its segments, weighed by what a network sees.

A semi-Markov conditional random field (Sarawagi and Cohen, "Semi-Markov conditional random fields for information
extraction", 2004) over the segments. A path groups neighbouring segments into characters; the logarithm of its weight
is a weighted sum of what is known of each character: the network's probabilities, its size, the ink that was cut, the
gaps in it. The weights of all paths that read the same text add up, and the share of a text in the sum over all paths
is its probability.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.strips.segments import Segment, joined

Grey = NDArray[np.uint8]
Numbers = NDArray[np.float64]

POINT, DASH, SIGN = ".", "-", "$"
"""Beside the digits: a point or a comma, a dash or an equals sign, and a currency sign, a letter or another mark."""
ALPHABET = DIGITS + POINT + DASH + SIGN
"""Of the networks that see groups of segments."""
MOST_SEGMENTS = 5
"""Segments that one character is made of, at most."""
WIDEST = 1.35
"""Greatest width of a character of more than one segment, by the strip's height."""
WIDEST_GAP = 0.3
"""Greatest gap within a character, by the strip's height."""
BEAM = 16
"""Texts that are kept at each place."""
UNLIKELY = 10
"""Symbols of a group whose weight is less by a factor of e to this power are passed over."""
LIKELIEST = 4
"""Symbols of a group that are looked at."""
UNREAD = "?"
"""Stands for ink in a strip that is no digit."""
SYMBOLS = (*DIGITS, "", UNREAD)
"""What a group of segments may be: a digit, a separator or a sign, which adds nothing to the text, or neither."""
SMALL = 0.45
"""Greatest height of a separator, by the strip's height; higher ones are signs, and stand at an end of the strip."""
OUTER = 3
"""Segments at either end that may belong to a sign."""
LEAST = 1e-6
"""Smaller probabilities of the network are taken for this one."""

FEATURES = (
    "digit",
    "certainty",
    "several",
    "inside cut",
    "edge cut",
    "is cut",
    "gap",
    "lowness",
    "width",
    "width squared",
    "segments",
    "separator",
    "separator certainty",
    "separator height",
    "separator width",
    "sign",
    "sign certainty",
    "sign segments",
    "unread",
    "unread certainty",
    "unread segments",
)
_Box = tuple[int, int, int, int]
_AT = {name: place for place, name in enumerate(FEATURES)}


@dataclass(frozen=True, slots=True)
class Weighing:
    """How a model's answers become a number: the ``weights`` of FEATURES by name, those left out being 0; and the
    ``slope`` and ``offset`` by which the log odds of a reading's share become those of its being right."""

    weights: dict[str, float]
    slope: float = 1.0
    offset: float = 0.0

    @property
    def vector(self) -> Numbers:
        return np.array([self.weights.get(name, 0.0) for name in FEATURES])


@dataclass(frozen=True, slots=True)
class Lattice:
    """All groups of neighbouring segments that may be one character.

    Attributes:
        starts, ends: intp [groups], the segments from ``start`` to before ``end``.
        boxes: int32 [groups, 4], left, top, right and bottom of the ink, in pixels of the strip's ink.
        shapes: float64 [groups, 3]: the widest gap within, the ink that the seam at the right goes through, and that of
            the seams within, all by the strip's height.
        height: of the strip's ink, in pixels.
    """

    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    boxes: NDArray[np.int32]
    shapes: Numbers
    height: int

    def __len__(self) -> int:
        return len(self.starts)


class Reading(NamedTuple):
    """``text`` may hold UNREAD; ``groups`` are the places in the lattice of its characters; ``spelled`` is the log
    probability of the text by a network that reads strips as one sequence, where one was asked."""

    text: str
    probability: float
    groups: tuple[int, ...]
    spelled: float | None = None


def lattice_of(segments: Sequence[Segment]) -> tuple[Lattice, list[Grey]]:
    """The lattice over ``segments``, and the ink of each group, cut to its box."""
    spans, boxes, shapes, inks = [], [], [], []
    height = segments[0].ink.shape[0] if segments else 1
    inked = [_inked(segment) for segment in segments]
    for start in range(len(segments)):
        for end in range(start + 1, min(start + MOST_SEGMENTS, len(segments)) + 1):
            group = list(segments[start:end])
            gap = max((0, *(after.left - before.right for before, after in pairwise(group)))) / height
            left, top, right, bottom = box = _around(inked[start:end])
            if end - start > 1 and (gap > WIDEST_GAP or right - left > WIDEST * height):
                break
            spans.append((start, end))
            boxes.append(box)
            cut = segments[end].cut if end < len(segments) else 0.0
            shapes.append((gap, cut, sum(each.cut for each in group[1:])))
            first = min(each.left for each in group)
            inks.append(joined(group)[top:bottom, left - first : right - first])
    starts, ends = np.array(spans, np.intp).reshape(-1, 2).T
    lattice = Lattice(
        starts, ends, np.array(boxes, np.int32).reshape(-1, 4), np.array(shapes, np.float64).reshape(-1, 3), height
    )
    return lattice, inks


def _inked(segment: Segment) -> _Box:
    rows, columns = np.flatnonzero(segment.ink.any(axis=1)), np.flatnonzero(segment.ink.any(axis=0))
    return segment.left + int(columns[0]), int(rows[0]), segment.left + int(columns[-1]) + 1, int(rows[-1]) + 1


def _around(boxes: Sequence[_Box]) -> _Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def features(lattice: Lattice, probabilities: NDArray[np.float32], classes: Sequence[str]) -> Numbers:
    """What is known of each group as each symbol: float64 [groups, symbols, features]; see FEATURES.

    A symbol that a group cannot be has a feature "digit" of minus infinity.

    Args:
        probabilities: float32 [groups, classes], what the network says of each group.
        classes: their names; of those in ALPHABET and "several" none has to be there.
    """
    left, top, right, bottom = lattice.boxes.T / lattice.height
    down, across = bottom - top, right - left
    gap, cut, inside = lattice.shapes.T
    more = (lattice.ends - lattice.starts - 1).astype(np.float64)
    known = {name: probabilities[:, place].astype(np.float64) for place, name in enumerate(classes)}
    nothing = np.zeros(len(lattice))
    digits = np.stack([known[digit] for digit in DIGITS], axis=1)
    whole = digits.sum(axis=1)
    sure = _log(whole)
    found = np.zeros((len(lattice), len(SYMBOLS), len(FEATURES)))
    digit, separator, unread = slice(0, len(DIGITS)), len(DIGITS), len(DIGITS) + 1
    found[:, digit, _AT["digit"]] = _log(digits / np.maximum(whole, LEAST)[:, None])
    for name, values in (
        ("certainty", sure),
        ("several", known.get("several", nothing)),
        ("inside cut", inside),
        ("edge cut", cut),
        ("is cut", (cut > 0).astype(np.float64)),
        ("gap", gap),
        ("lowness", np.maximum(0.0, 0.5 - down)),
        ("width", across),
        ("width squared", across**2),
        ("segments", more),
    ):
        found[:, digit, _AT[name]] = values[:, None]
    small = down <= SMALL
    outer = (lattice.ends <= OUTER) | (lattice.starts >= lattice.ends.max(initial=0) - OUTER)
    found[:, separator, _AT["digit"]] = np.where(small | outer, 0.0, -np.inf)
    for name, values in (
        ("separator", np.ones_like(down)),
        ("separator certainty", _log(known.get(POINT, nothing) + known.get(DASH, nothing))),
        ("separator height", down),
        ("separator width", across),
    ):
        found[:, separator, _AT[name]] = np.where(small, values, 0.0)
    for name, values in (
        ("sign", np.ones_like(down)),
        ("sign certainty", _log(known.get(SIGN, nothing))),
        ("sign segments", more),
    ):
        found[:, separator, _AT[name]] = np.where(small, 0.0, values)
    found[:, unread, _AT["unread"]] = 1
    found[:, unread, _AT["unread certainty"]] = sure
    found[:, unread, _AT["unread segments"]] = more
    found[:, separator:, _AT["edge cut"]] = cut[:, None]
    found[:, separator:, _AT["is cut"]] = (cut > 0)[:, None]
    return found


def _log(probabilities: Numbers) -> Numbers:
    return np.asarray(np.log(np.maximum(probabilities, LEAST)), np.float64)


def scores(found: Numbers, weights: Numbers) -> Numbers:
    """Logarithms of the weight of each group as each symbol, float64 [groups, symbols]."""
    impossible = np.isneginf(found[:, :, 0])
    total: Numbers = np.where(np.isneginf(found), 0.0, found) @ weights
    total[impossible] = -np.inf
    return total


def read(lattice: Lattice, scored: Numbers, most: int) -> list[Reading]:
    """The likeliest readings, likeliest first, each with its share in all.

    Args:
        scored: the ``scores`` of the lattice's groups.
        most: how many readings are wanted.
    """
    if not len(lattice):
        return []
    last = int(lattice.ends.max())
    whole = [-math.inf] * (last + 1)
    whole[0] = 0.0
    totals = np.logaddexp.reduce(scored, axis=1).tolist()
    order = np.argsort(-scored, axis=1, kind="stable")[:, :LIKELIEST]
    likely = np.take_along_axis(scored, order, axis=1)
    symbols = [
        [(SYMBOLS[symbol], score) for symbol, score in zip(own, theirs, strict=True) if score > theirs[0] - UNLIKELY]
        for own, theirs in zip(order.tolist(), likely.tolist(), strict=True)
    ]
    by_start: list[list[tuple[int, int]]] = [[] for _ in range(last + 1)]
    for number, (start, end) in enumerate(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True)):
        by_start[start].append((number, end))
    beams: list[dict[str, _Hypothesis]] = [{} for _ in range(last + 1)]
    beams[0][""] = (0.0, 0.0, None)
    for place in range(last):
        kept = sorted(beams[place].items(), key=_weight)[:BEAM]
        for number, end in by_start[place]:
            whole[end] = _added(whole[end], whole[place] + totals[number])
            for symbol, score in symbols[number]:
                _extend(beams[end], kept, symbol, score, number)
    final = sorted(beams[last].items(), key=_weight)[:most]
    return [Reading(text, _share(total - whole[last]), _groups(way)) for text, (total, _, way) in final]


def read_as(lattice: Lattice, scored: Numbers, text: str) -> Reading | None:
    """The reading of this text, with its share in all; None where no path reads it.

    Args:
        scored: the ``scores`` of the lattice's groups.
        text: of digits.
    """
    last, length = int(lattice.ends.max(initial=0)), len(text)
    wanted, separator = [SYMBOLS.index(digit) for digit in text], SYMBOLS.index("")
    totals = np.logaddexp.reduce(scored, axis=1)
    whole, spelled = np.full(last + 1, -np.inf), np.full((last + 1, length + 1), -np.inf)
    whole[0] = spelled[0, 0] = 0.0
    best, ways = spelled.copy(), np.full((last + 1, length + 1, 2), -1)
    # groups come in the order of their starts
    for group, (start, end) in enumerate(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True)):
        whole[end] = np.logaddexp(whole[end], whole[start] + totals[group])
        for moved, gained in ((1, scored[group, wanted]), (0, scored[group, separator])):
            before, after = slice(0, length + 1 - moved), slice(moved, length + 1)
            spelled[end, after] = np.logaddexp(spelled[end, after], spelled[start, before] + gained)
            better = best[start, before] + gained > best[end, after]
            best[end, after][better] = (best[start, before] + gained)[better]
            ways[end, after][better] = group, moved
    if np.isneginf(spelled[last, length]):
        return None
    groups, place, known = [], last, length
    while place:
        group, moved = ways[place, known].tolist()
        groups += [group] * moved
        place, known = int(lattice.starts[group]), known - moved
    return Reading(text, _share(float(spelled[last, length] - whole[last])), tuple(reversed(groups)))


_INFINITE, _exp, _log1p = math.inf, math.exp, math.log1p
_Way = tuple[int, Any] | None
_Hypothesis = tuple[float, float, _Way]
"""Of a text: the logarithm of the weight of all paths so far that read it, that of the likeliest of them, and the
groups of that: the last, and those before. Plain tuples, since a strip has some thousands of them."""


def _weight(item: tuple[str, _Hypothesis]) -> float:
    return -item[1][0]


def _extend(
    beam: dict[str, _Hypothesis], kept: Sequence[tuple[str, _Hypothesis]], symbol: str, score: float, group: int
) -> None:
    """Adds to ``beam`` the texts of ``kept``, each with the symbol of this group behind it. ``_added`` stands here in
    full: a strip has some thousands of them."""
    for text, (total, best, way) in kept:
        longer = text + symbol
        total, best = total + score, best + score
        known = beam.get(longer)
        if known is not None:
            other = known[0]
            high, low = (total, other) if total > other else (other, total)
            total = high if low == -_INFINITE else high + _log1p(_exp(low - high))
            if best <= known[1]:
                beam[longer] = (total, known[1], known[2])
                continue
        beam[longer] = (total, best, (group, way) if symbol else way)


def _groups(way: _Way) -> tuple[int, ...]:
    found = []
    while way is not None:
        group, way = way
        found.append(group)
    return tuple(reversed(found))


def _added(one: float, other: float) -> float:
    """The logarithm of the sum of two numbers of which these are the logarithms."""
    high, low = (one, other) if one > other else (other, one)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _share(difference: float) -> float:
    return math.exp(min(difference, 0.0))
