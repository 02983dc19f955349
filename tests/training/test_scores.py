from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.models.runtime import calibrate
from digitmill.models.scores import calibration_error
from training.learning.scores import fit_review_below, fit_temperature, score


def two_classes(confidences: list[float]) -> NDArray[np.float32]:
    """Rows that say class 0 with these confidences."""
    first = np.array(confidences, np.float32)
    return np.stack((first, 1 - first), axis=1)


def labels_of(right: list[bool]) -> NDArray[np.uint8]:
    return np.array([0 if each else 1 for each in right], np.uint8)


def test_an_answer_that_is_as_often_right_as_it_says_has_no_calibration_error() -> None:
    confidence = np.full(10, 0.8, np.float32)
    assert calibration_error(confidence, np.arange(10) < 8) == pytest.approx(0, abs=1e-6)


def test_calibration_error_is_the_gap_between_said_and_true() -> None:
    confidence = np.array([0.99] * 10 + [0.6] * 10, np.float32)
    right = np.array([True] * 9 + [False] + [True] * 6 + [False] * 4)
    assert calibration_error(confidence, right) == pytest.approx(0.09 / 2, abs=1e-6)


def test_a_confidence_of_one_falls_into_the_last_bin() -> None:
    assert calibration_error(np.ones(3, np.float32), np.ones(3, bool)) == 0


def test_scores_count_what_is_accepted_and_what_of_that_is_wrong() -> None:
    scores = score(two_classes([0.99, 0.98, 0.7, 0.6]), labels_of([True, False, False, True]), 0.9)
    assert (scores.images, scores.accuracy, scores.coverage, scores.accepted_error) == (4, 0.5, 0.5, 0.5)


def test_nothing_accepted_means_nothing_wrong_among_it() -> None:
    scores = score(two_classes([0.7]), labels_of([False]), 0.9)
    assert (scores.coverage, scores.accepted_error) == (0, 0)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_blunted_the_answers_is_found_again(temperature: float) -> None:
    random = np.random.default_rng(4)
    honest = random.dirichlet(np.full(10, 0.1), 20_000).astype(np.float32)
    labels = (honest.cumsum(axis=1) < random.random((20_000, 1))).sum(axis=1).astype(np.uint8)
    sharpened = calibrate(honest, 1 / temperature)
    assert fit_temperature(sharpened, np.minimum(labels, 9)) == pytest.approx(temperature, rel=0.05)


def test_the_threshold_lies_just_above_the_errors() -> None:
    confidences = [0.95] * 3 + [0.97] * 2000
    right = [False] * 3 + [True] * 2000
    assert fit_review_below(two_classes(confidences), labels_of(right)) == pytest.approx(0.9501)


def test_few_enough_errors_need_no_threshold() -> None:
    assert fit_review_below(two_classes([0.95] * 2000), labels_of([False] + [True] * 1999)) == 0.0


def test_where_the_surest_answers_are_wrong_all_is_reviewed() -> None:
    assert fit_review_below(two_classes([1.0] * 5), labels_of([False] * 5)) == 1.0


@given(st.lists(st.tuples(st.floats(0.5, 1.0), st.booleans()), min_size=1, max_size=60))
def test_what_the_threshold_accepts_is_right(rows: list[tuple[float, bool]]) -> None:
    probabilities = two_classes([confidence for confidence, _ in rows])
    labels = labels_of([right or confidence == 0.5 for confidence, right in rows])
    threshold = fit_review_below(probabilities, labels)
    wrong = probabilities.argmax(axis=1) != labels
    accepted = probabilities.max(axis=1) >= threshold
    assert threshold == 1.0 or not wrong[accepted].any()
