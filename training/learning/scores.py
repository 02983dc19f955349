"""How good calibrated answers are, and the two numbers fitted to the validation split, for the labels of training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitmill.models import scores
from digitmill.models.manifest import Scores
from training.pictures.kinds import classes_of_labels, targets

Probabilities = NDArray[np.float32]
Labels = NDArray[np.uint8]


def score(probabilities: Probabilities, labels: Labels, review_below: float) -> Scores:
    """Figures for ``probabilities`` [n, classes] against ``labels`` [n], rounded to 6 digits."""
    return scores.scores_of(probabilities, classes_of_labels(labels, probabilities.shape[1]), review_below)


def fit_temperature(probabilities: Probabilities, labels: Labels) -> float:
    """The temperature with the least negative log likelihood, by golden section between 0.2 and 5."""
    return scores.fit_temperature(probabilities, targets(labels, probabilities.shape[1]))


def loss(probabilities: Probabilities, labels: Labels, log_temperature: float) -> float:
    """The mean negative log likelihood of ``labels`` at the temperature exp(``log_temperature``)."""
    return scores.loss(probabilities, targets(labels, probabilities.shape[1]), log_temperature)


def fit_review_below(probabilities: Probabilities, labels: Labels) -> float:
    """The least threshold, to 4 digits, at which at most ``ACCEPTED_ERROR`` of the accepted rows are wrong."""
    return scores.fit_review_below(probabilities, classes_of_labels(labels, probabilities.shape[1]))
