"""Ask for digits as they are and as they were changed, and count what becomes of the answers."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator
from pydantic import BaseModel, ConfigDict

from training.metamorphic.asking import Answer, Reader
from training.metamorphic.digits import Digit
from training.metamorphic.transformations import UNCUT, Asked, Transformation

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """A digit, answered as it is and once more as it was ``asked`` about after a transformation."""

    digit: Digit
    transformation: str
    asked: Asked
    before: Answer
    after: Answer

    @property
    def changed(self) -> bool:
        """Whether an accepted digit turned into another accepted digit."""
        return self.before.accepted and self.after.accepted and self.before.digit != self.after.digit

    @property
    def wrong(self) -> bool:
        return self.after.accepted and self.after.digit != self.digit.label


class Counts(BaseModel):
    """Of the pairs of one transformation, set or digit. ``kept`` are those accepted before and, as the same, after."""

    model_config = ConfigDict(extra="forbid")

    pairs: int = 0
    right: int = 0
    accepted: int = 0
    wrong: int = 0
    changed: int = 0
    accepted_before: int = 0
    kept: int = 0
    blank: int = 0

    def add(self, pair: Pair) -> None:
        self.pairs += 1
        self.right += pair.after.digit == pair.digit.label
        self.accepted += pair.after.accepted
        self.wrong += pair.wrong
        self.changed += pair.changed
        self.accepted_before += pair.before.accepted
        self.kept += pair.before.accepted and pair.after.accepted and not pair.changed
        self.blank += pair.after.digit is None


class Report(BaseModel):
    """The file that ``--report`` names. ``by_source`` has each transformation's counts for each set."""

    model_config = ConfigDict(extra="forbid")

    model: str
    normaliser: int
    seed: int
    total: Counts = Counts()
    by_transformation: dict[str, Counts] = {}
    by_set: dict[str, Counts] = {}
    by_digit: dict[str, Counts] = {}
    by_source: dict[str, dict[str, Counts]] = {}

    def add(self, pair: Pair) -> None:
        # pairs of the untouched pictures are the measure, not measured
        own = self.by_source.setdefault(pair.digit.source, {})
        kinds = [(self.by_transformation, pair.transformation), (own, pair.transformation)]
        if pair.transformation != UNCUT:
            kinds += [(self.by_set, pair.digit.source), (self.by_digit, str(pair.digit.label))]
            self.total.add(pair)
        for counts, name in kinds:
            counts.setdefault(name, Counts()).add(pair)


@dataclass
class Offenders:
    """The pairs that are to be looked at."""

    changed: list[Pair] = field(default_factory=list)
    wrong: list[Pair] = field(default_factory=list)
    blank: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        if pair.changed:
            self.changed.append(pair)
        elif pair.wrong and pair.transformation != UNCUT:
            self.wrong.append(pair)
        elif pair.after.digit is None and pair.before.digit is not None:
            self.blank.append(pair)


def measure(
    digits: Sequence[Digit],
    changes: Mapping[str, Transformation],
    reader: Reader,
    pairs: int,
    seed: int,
    report: Report,
) -> Offenders:
    """Add up to ``pairs`` pairs to ``report``, as many of each of ``changes``, which begin with ``UNCUT``.

    The sets have the same share of them as far as they reach; no digit is taken twice for one transformation. What is
    drawn for a transformation depends on ``seed`` and its name alone.
    """
    offenders = Offenders()
    uncut = ((digit, Asked(digit.picture)) for digit in digits)
    before = {digit.name: answer for digit, _, answer in reader.answered(uncut)}
    for name, change in changes.items():
        random = np.random.default_rng((seed, zlib.crc32(name.encode())))
        chosen = _chosen(digits, max(1, pairs // max(1, len(changes) - 1)), random)
        for digit, asked, after in reader.answered(_changed(chosen, change, random)):
            pair = Pair(digit, name, asked, before[digit.name], after)
            report.add(pair)
            offenders.add(pair)
        _log.info("%s: %s changed so far", name, len(offenders.changed))
    return offenders


def _changed(digits: Sequence[Digit], change: Transformation, random: Generator) -> Iterator[tuple[Digit, Asked]]:
    for digit in digits:
        asked = change(digit.picture, random)
        if asked is not None:
            yield digit, asked


def _chosen(digits: Sequence[Digit], count: int, random: Generator) -> list[Digit]:
    """``count`` of them, or all; of small sets all, and the same number of each larger one."""
    sets: dict[str, list[Digit]] = {}
    for digit in digits:
        sets.setdefault(digit.source, []).append(digit)
    chosen: list[Digit] = []
    for done, own in enumerate(sorted(sets.values(), key=len)):
        share = min(len(own), (count - len(chosen)) // (len(sets) - done))
        chosen += [own[place] for place in random.permutation(len(own))[:share].tolist()]
    return chosen


def table(title: str, counts: Mapping[str, Counts]) -> str:
    """A line for each, as text."""
    head = f"{title:<24}{'pairs':>9}{'right':>9}{'accepted':>10}{'wrong':>7}{'changed':>9}{'kept':>9}{'blank':>7}"
    lines = [head]
    for name, each in counts.items():
        lines.append(
            f"{name:<24}{each.pairs:>9,}{each.right / each.pairs:>9.2%}{each.accepted / each.pairs:>10.2%}"
            f"{each.wrong:>7,}{each.changed:>9,}{each.kept / max(1, each.accepted_before):>9.2%}{each.blank:>7,}"
        )
    return "\n".join(lines)


def tables(report: Report) -> str:
    """All of them, those by transformation first."""
    parts = {
        "transformation": report.by_transformation,
        "set": report.by_set,
        "digit": dict(sorted(report.by_digit.items())),
        "all": {f"{report.model}": report.total} if report.total.pairs else {},
    }
    return "\n\n".join(table(title, counts) for title, counts in parts.items() if counts)
