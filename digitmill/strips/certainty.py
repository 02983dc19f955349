"""How likely the number read in a strip is right: each of its groups is one digit and that digit, and no digit is lost.

The share of a reading in all of them (digitmill/strips/lattice.py) says little of what no reading has: a thin 1 that
stands in the group of its neighbour, or a digit that was taken for a part of a sign. So four logistic regressions
say how likely a group holds one digit, how likely it is the one that was read, how likely the ink between the groups
holds none, and by these three how likely the number is right. ``python -m training certain-strips`` fits them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.strips.lattice import DASH, POINT, SIGN, SMALL, Lattice, Numbers, Reading

SUREST, ROUGHLY, BARELY = 1e-6, 1e-5, 1e-4
"""Nearer to 0 and 1 the probability of a digit or a number is not told apart; that of a kind; that of parts."""
NARROWEST = 0.15
"""Groups that are narrower or lower, by the strip's height, are compared as if they were so wide or high."""
WIDEST, TALLEST, WIDEST_RUN = 3.0, 2.0, 4.0
"""By the median digit of the reading; more is as much."""
TALL, TALL_CUT, SPLIT, WIDER = 0.5, 0.4, -4.0, 1.2
"""What ``_Sight.group`` says of a group's parts and of its width counts once more from here on."""
CUT_THROUGH = 3.0
"""Parts that a seam through ink separates count for less, by the ink that it crosses times so much."""
INSIDE = 0.4
"""Least height of what may be a digit between the groups, by the median digit's."""

GROUP_FEATURES = 14 + 4 * len(DIGITS) + 4
DROPPED_FEATURES = 15
NUMBER_FEATURES, SPELLED_FEATURES = 8, 2


@dataclass(frozen=True, slots=True)
class Regression:
    """A logistic regression: ``offset``, and the weight of each feature."""

    offset: float
    weights: tuple[float, ...]

    def probabilities(self, features: Numbers) -> Numbers:
        """Args: features: float64 [rows, features]."""
        return np.asarray(1 / (1 + np.exp(-(self.offset + features @ np.array(self.weights)))), np.float64)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is seen of a reading.

    Attributes:
        groups: float64 [digits, GROUP_FEATURES], of its groups.
        dropped: float64 [runs, DROPPED_FEATURES], of the ink before, between and behind them.
        others: log odds of its share in all readings, and of that of longer ones and of others as long.
        spelled: log odds of its text by a network that reads strips as one sequence, and of the likeliest other text;
            none where no such network was asked.
    """

    groups: Numbers
    dropped: Numbers
    others: tuple[float, float, float]
    spelled: tuple[float, ...] = ()

    def number(self, single: Numbers, digit: Numbers, none: Numbers) -> Numbers:
        """What is seen of the number as a whole, float64 [NUMBER_FEATURES].

        Args:
            single, digit: how likely each group holds one digit alone, and the one that was read.
            none: how likely each run of ink between them holds no digit.
        """
        each = single * digit
        found = (np.prod(each) * np.prod(none), np.prod(each), each.min(), np.prod(none))
        return np.array((*(_log_odds(float(share)) for share in found), len(each), *self.others, *self.spelled))


@dataclass(frozen=True, slots=True)
class Certainty:
    """Whether a group of a reading holds one digit alone (``single``), whether that is the one that was read
    (``digit``), whether ink between the groups holds no digit (``dropped``), and whether the number is right."""

    single: Regression
    digit: Regression
    dropped: Regression
    number: Regression

    @property
    def fits(self) -> bool:
        """Whether there is a weight for each feature."""
        *found, number = (len(each.weights) for each in (self.single, self.digit, self.dropped, self.number))
        own = NUMBER_FEATURES + SPELLED_FEATURES * self.spelled
        return found == [GROUP_FEATURES, GROUP_FEATURES, DROPPED_FEATURES] and number == own

    @property
    def spelled(self) -> bool:
        """Whether it weighs what a network says that reads strips as one sequence."""
        return len(self.number.weights) > NUMBER_FEATURES

    def probability(self, evidence: Evidence) -> float:
        """How likely the number is right."""
        single, digit = (each.probabilities(evidence.groups) for each in (self.single, self.digit))
        none = self.dropped.probabilities(evidence.dropped)
        return float(self.number.probabilities(evidence.number(single, digit, none)[None])[0])


def evidence_of(
    lattice: Lattice, readings: Sequence[Reading], seen: NDArray[np.float32], classes: Sequence[str]
) -> Evidence:
    """What is seen of the first of ``readings``.

    Args:
        readings: those that are numbers, likeliest first.
        seen: float32 [groups, classes], what the network says of each group of the lattice.
        classes: their names.
    """
    best, longer, others = readings[0], 0.0, 0.0
    for each in readings[1:]:
        longer += each.probability if len(each.text) > len(best.text) else 0.0
        others += each.probability if len(each.text) == len(best.text) else 0.0
    sight = _Sight(lattice, best, _by_name(seen, classes))
    runs = [sight.run(start, end) for start, end in runs_of(lattice, best)]
    return Evidence(
        np.array([sight.group(place) for place in range(len(best.text))], np.float64),
        np.array(runs, np.float64).reshape(-1, DROPPED_FEATURES),
        (_log_odds(best.probability), _log_odds(longer), _log_odds(others)),
        _spelled(readings),
    )


def _spelled(readings: Sequence[Reading]) -> tuple[float, ...]:
    first, *others = (each.spelled for each in readings)
    if first is None:
        return ()
    other = max((each for each in others if each is not None), default=-np.inf)
    return _log_odds(float(np.exp(first))), _log_odds(float(np.exp(other)))


def runs_of(lattice: Lattice, reading: Reading) -> list[tuple[int, int]]:
    """The segments, from start to before end, that no group of ``reading`` has."""
    groups = list(reading.groups)
    starts = [0, *lattice.ends[groups].tolist()]
    ends = [*lattice.starts[groups].tolist(), int(lattice.ends.max())]
    return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


def _by_name(seen: NDArray[np.float32], classes: Sequence[str]) -> dict[str, Numbers]:
    known = {name: seen[:, place].astype(np.float64) for place, name in enumerate(classes)}
    nothing = np.zeros(len(seen))
    found = {name: known.get(name, nothing) for name in (*DIGITS, POINT, DASH, SIGN, "several", "other")}
    return found | {"any": np.sum([found[digit] for digit in DIGITS], axis=0)}


class _Sight:
    """A reading of a lattice beside what the network says of each group by the names of its classes, "any" for any
    digit. Widths and heights are by the strip's."""

    def __init__(self, lattice: Lattice, reading: Reading, seen: Mapping[str, Numbers]) -> None:
        self.lattice, self.reading, self.seen = lattice, reading, seen
        self.left, self.top, self.right, self.bottom = lattice.boxes.T / lattice.height
        self.across, self.down = self.right - self.left, self.bottom - self.top
        spans = zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True)
        self.at = {span: group for group, span in enumerate(spans)}
        self.last = int(lattice.ends.max())
        groups = list(reading.groups)
        self.usual = max(float(np.median(self.across[groups])), NARROWEST)
        self.usual_down = max(float(np.median(self.down[groups])), NARROWEST)

    def group(self, place: int) -> list[float]:
        """Of one of the reading's groups, GROUP_FEATURES."""
        group, digit = self.reading.groups[place], self.reading.text[place]
        start, end = int(self.lattice.starts[group]), int(self.lattice.ends[group])
        own, any_digit = float(self.seen[digit][group]), float(self.seen["any"][group])
        gap, _, inside = self.lattice.shapes[group].tolist()
        tall, tall_cut, split = self._parts(start, end, digit)
        shape = self.across[group] / max(self.down[group], NARROWEST)
        wide = min(self.across[group] / self.usual, WIDEST)
        split = _log_odds(split, BARELY)
        beyond = max(0.0, split - SPLIT)
        kinds = (_log_odds(float(self.seen[kind][group]), ROUGHLY) for kind in ("several", "other", SIGN))
        return [
            _log_odds(own),
            _log_odds(own / max(any_digit, SUREST), ROUGHLY),
            *kinds,
            shape,
            wide,
            min(self.down[group] / self.usual_down, TALLEST),
            gap,
            inside,
            (self._cut(start) > 0) + (self._cut(end) > 0),
            split,
            tall,
            tall_cut,
            *(value * (digit == each) for value in (shape, tall, 1.0, beyond) for each in DIGITS),
            max(0.0, tall - TALL),
            max(0.0, tall_cut - TALL_CUT),
            beyond,
            max(0.0, wide - WIDER),
        ]

    def _parts(self, start: int, end: int, digit: str) -> tuple[float, float, float]:
        """Of the ways to part the segments in two: the greatest height of the lower part by the group's, where a gap
        parts them; the same where a seam does, less what it cuts through; and how likely one is a 1, the other
        ``digit``."""
        tall = tall_cut = split = 0.0
        down = max(self.down[self.at[start, end]], NARROWEST)
        for middle in range(start + 1, end):
            one, other = self.at.get((start, middle)), self.at.get((middle, end))
            if one is None or other is None:
                continue
            lower, cut = min(self.down[one], self.down[other]) / down, self._cut(middle)
            tall = tall if cut else max(tall, lower)
            tall_cut = max(tall_cut, lower * max(0.0, 1 - CUT_THROUGH * cut)) if cut else tall_cut
            ones, digits = self.seen["1"], self.seen[digit]
            split = max(split, ones[one] * digits[other], digits[one] * ones[other])
        return tall, tall_cut, split

    def _cut(self, place: int) -> float:
        """The ink that the seam before this segment goes through; 0 at a gap and at both ends."""
        return float(self.lattice.shapes[self.at[place - 1, place], 1]) if 0 < place < self.last else 0.0

    def run(self, start: int, end: int) -> list[float]:
        """Of the ink of these segments, which no group of the reading has, DROPPED_FEATURES."""
        pieces = [self.at[place, place + 1] for place in range(start, end)]
        down = float(self.bottom[pieces].max() - self.top[pieces].min())
        across = float(self.right[pieces].max() - self.left[pieces].min())
        small = float(down <= SMALL)
        spans = [(one, other) for one in range(start, end) for other in range(one + 1, end + 1)]
        within = [self.at[span] for span in spans if span in self.at]
        tall = [group for group in within if self.down[group] > INSIDE * self.usual_down]
        any_digit = _log_odds(max(self.seen["any"][tall].tolist(), default=0.0), BARELY)
        one = _log_odds(max(self.seen["1"][tall].tolist(), default=0.0), BARELY)
        whole, sign = self.at.get((start, end)), 0.0
        if whole is not None:
            sign = float(self.seen[POINT][whole] + self.seen[DASH][whole] if small else self.seen[SIGN][whole])
        sign, cut = _log_odds(sign, BARELY), max(self._cut(start), self._cut(end))
        return [
            down,
            min(down / self.usual_down, TALLEST),
            across,
            min(across / self.usual, WIDEST_RUN),
            end - start,
            small,
            float(start > 0 and end < self.last),
            float(start == 0),
            any_digit,
            one,
            sign,
            cut,
            float(cut > 0),
            sign * small,
            any_digit * small,
        ]


def _log_odds(probability: float, least: float = SUREST) -> float:
    kept = min(max(probability, least), 1 - least)
    return float(np.log(kept / (1 - kept)))
