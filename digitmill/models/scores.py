"""How good calibrated answers are, and the two numbers that make a model's outputs answers: temperature and threshold.

Classes go by their number: the ten digits, then what else a model tells apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.models.manifest import Scores
from digitmill.models.runtime import calibrate

Probabilities = NDArray[np.float32]
Classes = NDArray[np.intp]

ACCEPTED_ERROR = 0.0005
"""Share of wrong rows among those that nobody will look at, on drawn scans: at most one in two thousand. On collections
of real scans that no training had seen, digits@7 and digits@8 had two to ten times the errors of drawn ones."""
BINS = 15
ROUNDING = 1e-6
"""A row this close below a threshold may land on either side of it, by how float32 is compared."""


def scores_of(probabilities: Probabilities, own: Classes, review_below: float) -> Scores:
    """Figures for ``probabilities`` [n, classes] of pictures that show the classes ``own`` [n], rounded to 6 digits."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == own
    accepted = accepted_digits(probabilities, review_below)
    return Scores(
        images=len(own),
        accuracy=round(float(right.mean()), 6),
        calibration_error=round(calibration_error(confidence, right), 6),
        coverage=round(float(accepted.mean()), 6),
        accepted_error=round(float((~right[accepted]).mean()), 6) if accepted.any() else 0.0,
    )


def accepted_digits(probabilities: Probabilities, review_below: float) -> NDArray[np.bool_]:
    """Which rows are accepted as a digit: bool [n]."""
    digit = probabilities.argmax(axis=1) < len(DIGITS)
    return np.asarray(digit & (probabilities.max(axis=1) >= review_below))


def calibration_error(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Expected calibration error over 15 equal bins (Guo et al. 2017, section 2)."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, confidence.astype(np.float64) - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def fit_temperature(probabilities: Probabilities, wanted: NDArray[np.float32]) -> float:
    """The temperature with the least negative log likelihood, by golden section between 0.2 and 5.

    Args:
        wanted: float32 [n, classes], what each row should say.
    """
    ratio = (math.sqrt(5) - 1) / 2
    low, high = math.log(0.2), math.log(5.0)
    while high - low > 1e-4:
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if loss(probabilities, wanted, left) < loss(probabilities, wanted, right):
            high = right
        else:
            low = left
    return round(math.exp((low + high) / 2), 4)


def loss(probabilities: Probabilities, wanted: NDArray[np.float32], log_temperature: float) -> float:
    """The mean negative log likelihood of ``wanted`` at the temperature exp(``log_temperature``)."""
    calibrated = calibrate(probabilities, math.exp(log_temperature))
    logs = np.log(np.maximum(calibrated, np.finfo(np.float32).tiny))
    return float(-(wanted * logs).sum(axis=1).mean())


def fit_review_below(probabilities: Probabilities, own: Classes) -> float:
    """The least threshold, to 4 digits, at which at most ``ACCEPTED_ERROR`` of the accepted rows are wrong.

    1.0, which accepts next to nothing, where no lower one will do.
    """
    answers = probabilities.argmax(axis=1)
    digit = answers < len(DIGITS)
    confidence = probabilities.max(axis=1).astype(np.float64)[digit] + ROUNDING
    wrong = (answers != own)[digit]
    order = np.argsort(-confidence)
    errors = np.concatenate(([0], np.cumsum(wrong[order])))
    thresholds = np.arange(10_000) / 10_000
    accepted = np.searchsorted(-confidence[order], -thresholds, side="right")
    good = np.flatnonzero(errors[accepted] <= ACCEPTED_ERROR * accepted)
    return float(thresholds[good[0]]) if len(good) else 1.0
