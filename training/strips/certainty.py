"""How sure a model of numbers is of strips, and its threshold, by strips of hands that it never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.optimize import minimize

from digitmill.domain.rows import DIGITS
from digitmill.models.runtime import Model
from digitmill.readers.number import mark_of, shares_of
from digitmill.strips.certainty import Certainty, Evidence, Regression, evidence_of, runs_of
from digitmill.strips.lattice import DASH, POINT, Lattice, Numbers, Reading
from training.strips.compose import Composer
from training.strips.hands import Hands
from training.strips.measure import BATCH, LETS_THROUGH, Outcome, Seen, seen

STIFFNESS = 10.0
"""Of the squared weights, each by the spread of its feature."""
PARTS = 10
"""Each is judged by what the others give."""
LEAST_THRESHOLD, MARGIN = 0.9, 0.5
"""The threshold lets so much of what may be wrong through: among a few thousand accepted strips a few more may be."""

WRONG = "?"
"""What a strip that is read wrong is said to show."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Sample:
    """The likeliest number of a strip: what is seen of it, and what is true.

    Attributes:
        single, digit: bool [digits], whether each of its groups holds one digit alone, and the one that was read.
        none: bool [runs], whether each run of ink between them holds no digit.
        right: whether the number is right.
        worth: what its probability is worth where the strip looks struck out or the like, else 1.
    """

    evidence: Evidence
    single: Flags
    digit: Flags
    none: Flags
    right: bool
    worth: float


@dataclass(frozen=True)
class Gathered:
    """``samples`` of strips of which one is None where nothing is read; ``texts`` and ``kinds`` of the same strips."""

    samples: list[Sample | None]
    texts: list[str]
    kinds: list[str]

    @property
    def read(self) -> list[Sample]:
        return [each for each in self.samples if each is not None]


def gathered(hands: Hands, count: int, random: Generator, model: Model) -> Gathered:
    """So many strips by ``hands``, taken apart and asked about some at a time."""
    found, composer = Gathered([], [], []), Composer(hands)
    for start in range(0, count, BATCH):
        strips = [composer.draw(random) for _ in range(min(BATCH, count - start))]
        found.samples.extend(_sample(each, model) for each in seen(strips, model))
        found.texts.extend(each.text for each in strips)
        found.kinds.extend(each.kind for each in strips)
    return found


def judged(strips: Gathered) -> list[Outcome]:
    """What the service would say of these strips, each by weights that were fitted to others; without a threshold."""
    sure = iter(proven(strips.read).tolist())
    return [
        Outcome(kind, text, None, 0.0, accepted=False)
        if each is None
        else Outcome(kind, text, text if each.right else WRONG, next(sure) * each.worth, accepted=False)
        for each, text, kind in zip(strips.samples, strips.texts, strips.kinds, strict=True)
    ]


def threshold(found: Sequence[Outcome]) -> float:
    """The least threshold, to 4 digits and not below LEAST_THRESHOLD, that lets no more wrong numbers through than
    MARGIN of LETS_THROUGH; 1 where none does."""
    confidences = np.array([each.confidence for each in found])
    wrong = np.array([not each.right for each in found])
    for step in range(round(1e4 * LEAST_THRESHOLD), 10_000):
        accepted = confidences >= step / 1e4
        if wrong[accepted].sum() <= MARGIN * LETS_THROUGH * accepted.sum():
            return step / 1e4
    return 1.0


def _sample(strip: Seen, model: Model) -> Sample | None:
    """None of a strip in which nothing is read."""
    lattice, ink = strip.opened.lattice, strip.opened.ink
    found = shares_of(strip.opened, strip.answers, model)
    if lattice is None or ink is None or not found:
        return None
    reading = found[0]
    spans = _columns(lattice, reading)
    held: list[list[str]] = [[] for _ in spans]
    for character, place in zip(strip.strip.characters, strip.strip.boxes, strict=True):
        left, right = ((column - ink.left) * ink.scale for column in place)
        if character not in (POINT, DASH):
            common = [min(right, end) - max(left, start) for start, end in spans]
            held[int(np.argmax(common))].append(character)
    text = reading.text
    groups, runs = held[: len(text)], held[len(text) :]
    return Sample(
        evidence_of(lattice, found, strip.answers[1:], model.classes),
        np.array([len(each) == 1 for each in groups]),
        np.array([each == [digit] for each, digit in zip(groups, text, strict=True)]),
        np.array([not set(each) & set(DIGITS) for each in runs], bool),
        text == strip.strip.text,
        1.0 if mark_of(strip.opened, strip.answers[0], model) is None else model.doubtful_cut,
    )


def _columns(lattice: Lattice, reading: Reading) -> list[tuple[int, int]]:
    """First and last column of the reading's groups, then of the runs of ink between them."""
    lefts, rights = lattice.boxes[:, 0], lattice.boxes[:, 2]
    groups = [(int(lefts[group]), int(rights[group])) for group in reading.groups]
    runs = [(lattice.starts >= start) & (lattice.ends <= end) for start, end in runs_of(lattice, reading)]
    return groups + [(int(lefts[own].min()), int(rights[own].max())) for own in runs]


def fitted(samples: Sequence[Sample]) -> Certainty:
    seen = [each.evidence for each in samples]
    groups, dropped = np.concatenate([each.groups for each in seen]), np.concatenate([each.dropped for each in seen])
    held = np.concatenate([each.single for each in samples])
    single = _regression(groups, held)
    digit = _regression(groups[held], np.concatenate([each.digit for each in samples])[held])
    none = _regression(dropped, np.concatenate([each.none for each in samples]))
    whole = [
        each.number(
            single.probabilities(each.groups), digit.probabilities(each.groups), none.probabilities(each.dropped)
        )
        for each in seen
    ]
    return Certainty(single, digit, none, _regression(np.array(whole), np.array([each.right for each in samples])))


def proven(samples: Sequence[Sample]) -> NDArray[np.float64]:
    """How sure each number is by what was fitted to the other parts of the samples."""
    found = np.zeros(len(samples))
    for part in range(PARTS):
        certainty = fitted([each for place, each in enumerate(samples) if place % PARTS != part])
        for place in range(part, len(samples), PARTS):
            found[place] = certainty.probability(samples[place].evidence)
    return found


def _regression(features: Numbers, right: Flags) -> Regression:
    if not len(features):
        return Regression(0.0, (0.0,) * features.shape[1])
    middle, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    scaled, signs = np.column_stack((np.ones(len(features)), (features - middle) / spread)), np.where(right, 1.0, -1.0)

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        margins = signs * (scaled @ weights)
        pull = scaled.T @ (signs / (1 + np.exp(margins)))
        stiff = np.concatenate(([0.0], weights[1:]))
        return float(np.logaddexp(0, -margins).sum() + STIFFNESS * (stiff @ stiff) / 2), STIFFNESS * stiff - pull

    found = np.asarray(minimize(loss, np.zeros(scaled.shape[1]), jac=True, method="L-BFGS-B").x)
    slopes = found[1:] / spread
    return Regression(round(float(found[0] - slopes @ middle), 4), tuple(round(float(slope), 4) for slope in slopes))
