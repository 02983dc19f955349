"""Ask normaliser and model for digits as they are and as they were changed, and count what the answers do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from digitmill.imaging.normalise import normalise
from training.metamorphic.digits import Digit, Grey
from training.metamorphic.transformations import TRANSFORMATIONS, Asked, Transformation

BATCH = 2048
UNCUT = "as it is"


class Predictor(Protocol):
    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class Answer:
    """``digit`` is None for blank; ``accepted`` where it is at least as confident as rows that need no review."""

    digit: int | None
    confidence: float
    accepted: bool


@dataclass(frozen=True)
class Reader:
    model: Predictor
    review_below: float

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """One answer each, in order."""
        pictures = [normalise(each.picture, each.polarity) for each in asked]
        inked = [picture for picture in pictures if picture is not None]
        rows = iter(self.model.predict(np.stack(inked)) if inked else ())
        return [Answer(None, 0.0, False) if picture is None else self._answer(next(rows)) for picture in pictures]

    def _answer(self, row: NDArray[np.float32]) -> Answer:
        digit = int(row.argmax())
        confidence = float(row[digit])
        return Answer(digit, confidence, confidence >= self.review_below)


@dataclass(frozen=True)
class Pair:
    digit: Digit
    transformation: str
    asked: Asked
    before: Answer
    after: Answer

    @property
    def changed(self) -> bool:
        return self.before.accepted and self.after.accepted and self.before.digit != self.after.digit


class Counts(BaseModel):
    """Of one transformation, or of one set."""

    model_config = ConfigDict(extra="forbid")

    pairs: int = 0
    right: int = 0
    accepted: int = 0
    accepted_wrong: int = 0
    accepted_before: int = 0
    kept: int = 0
    changed: int = 0
    blank: int = 0

    def add(self, pair: Pair) -> None:
        right = pair.after.digit == pair.digit.label
        self.pairs += 1
        self.right += right
        self.accepted += pair.after.accepted
        self.accepted_wrong += pair.after.accepted and not right
        self.accepted_before += pair.before.accepted
        self.kept += pair.before.accepted and pair.after.accepted and not pair.changed
        self.changed += pair.changed
        self.blank += pair.after.digit is None


@dataclass
class Outcome:
    by_transformation: dict[str, Counts] = field(default_factory=dict)
    by_source: dict[str, Counts] = field(default_factory=dict)
    changed: list[Pair] = field(default_factory=list)

    def add(self, pair: Pair) -> None:
        self.by_transformation.setdefault(pair.transformation, Counts()).add(pair)
        self.by_source.setdefault(pair.digit.source, Counts()).add(pair)
        if pair.changed:
            self.changed.append(pair)


def measure(digits: Sequence[Digit], reader: Reader, pairs: int, seed: int) -> Outcome:
    """About ``pairs`` pairs, as many of each transformation; every set has the same share of them."""
    outcome = Outcome()
    before = dict(_answered(reader, ((digit, Asked(digit.picture)) for digit in digits)))
    for name, transformation in ({UNCUT: lambda picture, _: Asked(picture)} | TRANSFORMATIONS).items():
        random = np.random.default_rng((seed, len(outcome.by_transformation)))
        chosen = _chosen(digits, pairs // len(TRANSFORMATIONS), random)
        for pair in _pairs(reader, name, transformation, chosen, before, random):
            outcome.add(pair)
    return outcome


def _pairs(reader, name, transformation, chosen, before, random) -> Iterator[Pair]:
    def asked():
        for digit in chosen:
            each = transformation(digit.picture, random)
            if each is not None:
                yield digit, each

    for digit, each, after in _batched(reader, asked()):
        yield Pair(digit, name, each, before[digit.name], after)


def _answered(reader, asked):
    for digit, _, answer in _batched(reader, asked):
        yield digit.name, answer


def _batched(reader, asked):
    waiting = []
    for each in asked:
        waiting.append(each)
        if len(waiting) == BATCH:
            yield from _flush(reader, waiting)
            waiting = []
    yield from _flush(reader, waiting)


def _flush(reader, waiting):
    answers = reader.answers([asked for _, asked in waiting])
    for (digit, asked), answer in zip(waiting, answers, strict=True):
        yield digit, asked, answer


def _chosen(digits, count, random):
    sources = {}
    for digit in digits:
        sources.setdefault(digit.source, []).append(digit)
    share = max(1, count // len(sources))
    return [own[place] for own in sources.values() for place in np.resize(random.permutation(len(own)), share)]


def table(counts: dict[str, Counts]) -> str:
    lines = [f"{'':<22}{'pairs':>9}{'right':>9}{'accepted':>10}{'wrong':>7}{'changed':>9}{'kept':>9}{'blank':>7}"]
    for name, each in counts.items():
        lines.append(
            f"{name:<22}{each.pairs:>9,}{each.right / each.pairs:>9.2%}{each.accepted / each.pairs:>10.2%}"
            f"{each.accepted_wrong:>7}{each.changed:>9}{each.kept / max(1, each.accepted_before):>9.2%}{each.blank:>7}"
        )
    return "\n".join(lines)
