"""The threshold that an improved model is published with: as strict as the owner's rows and the reference pictures ask.

The temperature stays that of the model before, so that other pictures are answered as before. On the owner's scans the
network may be surer than it is right, and the few rows that were held out hardly show by how much: of a hundred
accepted rows mostly none is wrong, even where one in two hundred is. So wrong rows are not only counted. How many there
are is expected by the confidences that the rows would have at each temperature from the model's own upwards, and the
temperatures are weighted by how likely they make the labels (Bayes), after a guess of how far such networks are from
their temperature. Few rows rule out little: higher temperatures keep their weight, and the threshold is strict.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Rule
from digitmill.domain.rows import DIGITS
from digitmill.models.scores import ACCEPTED_ERROR, ROUNDING
from training.learning.scores import loss
from training.measuring.calibrate import Rows, folds, interval

OFF = 0.5
"""How far the logarithm of the temperature that fits is above the model's own, as a standard deviation: on other scans
of drawn sources, by thousands of rows, the temperatures that fit were 0.86 to 1.51 times it."""
FURTHEST, STEPS = 5.0, 50
"""Standard deviations that are reckoned with, and the steps to there."""


@dataclass(frozen=True)
class Cautious:
    """The rule, and how many of the owner's rows it accepts, and accepts wrong: each part of them by a rule that knew
    the other parts alone."""

    rule: Rule
    accepted: int
    wrong: int


def cautious(held: Rows, own: Rule, most: float, known: float) -> Cautious:
    """The rule for what an owner sends.

    Args:
        held: the owner's rows that nothing was learnt from.
        own: the rule of the model before, which is as lenient as it gets.
        most: share of the accepted that may be wrong.
        known: the threshold that the reference pictures allow, of ``allowed``.
    """
    least = max(own.review_below, known)
    parts = [
        part.counts(Rule(own.temperature, max(least, threshold(rest, own, most))))
        for rest, part in folds(held)
        if len(part) and len(rest)
    ]
    rule = Rule(own.temperature, max(least, threshold(held, own, most)))
    return Cautious(rule, sum(accepted for accepted, _ in parts), sum(wrong for _, wrong in parts))


def threshold(rows: Rows, own: Rule, most: float) -> float:
    """The least, and none below that of ``own``, at which at most ``most`` of the accepted are expected to be wrong and
    no more are proven to be; 1.0 where there is none."""
    confidences = rows.confidences(own.temperature)
    order = np.argsort(-confidences, kind="stable")
    counts = np.arange(1, len(rows) + 1)
    expected = np.cumsum(_chances(rows, own.temperature)[order]) / counts
    # what a person calls no digit is wrong at any temperature
    wrong = np.cumsum(rows.wrong[order])
    for last in np.flatnonzero(expected <= most)[::-1]:
        if interval(int(counts[last]), int(wrong[last]))[0] <= most:
            return max(own.review_below, _rounded_up(float(confidences[order[last]]) - ROUNDING))
    return 1.0


def _chances(rows: Rows, own: float) -> NDArray[np.float64]:
    """That each row is wrong [n], over all temperatures."""
    away = np.linspace(0, FURTHEST, STEPS + 1)
    temperatures = own * np.exp(OFF * away)
    weights = -(away**2) / 2
    digits = rows[rows.labels < len(DIGITS)]
    if len(digits):
        weights -= len(digits) * np.array([loss(digits.raw, digits.labels, math.log(each)) for each in temperatures])
    weights = np.exp(weights - weights.max())
    shares = weights / weights.sum()
    return np.asarray(shares @ np.stack([1 - rows.confidences(each) for each in temperatures]))


def allowed(found: NDArray[np.float32], own: NDArray[np.intp], before: float, most_wrong: int) -> float:
    """The least threshold, and none below ``before``, at which of the reference pictures as few are accepted wrong as
    by the model before, or as a model may be published with.

    Args:
        found: calibrated probabilities of the ten digits [n, 10].
        own: the classes that the pictures show [n].
        most_wrong: how many the model before accepts wrong.
    """
    confidences = found.max(axis=1).astype(np.float64)
    wrong = np.sort(confidences[(found.argmax(axis=1) != own) & (confidences >= before)])
    accepted = int((confidences >= before).sum())
    most = max(most_wrong, math.floor(ACCEPTED_ERROR * accepted))
    return before if len(wrong) <= most else _rounded_up(float(wrong[-most - 1]) + 2 * ROUNDING)


def _rounded_up(number: float) -> float:
    return min(1.0, math.ceil(number * 1e6) / 1e6)
