"""The threshold that an improved model is published with: stricter where few rows show little, or it errs."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.jobs import Rule
from training.learning.before_after import MOST
from training.learning.caution import allowed, cautious, threshold
from training.measuring.calibrate import Rows

OWN = Rule(1.0, 0.9)


def rows_of(count: int, hotter: float, seed: int = 1) -> Rows:
    """Rows of a network of ten classes whose labels are as sure as at ``hotter`` times its temperature."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 1, (count, 10))
    logits[np.arange(count), random.integers(0, 10, count)] += random.uniform(2, 14, count)
    powers = np.exp(logits)
    truth = np.exp(logits / hotter)
    truth /= truth.sum(axis=1, keepdims=True)
    labels = (truth.cumsum(axis=1) < random.uniform(0, 1, (count, 1))).sum(axis=1).clip(0, 9).astype(np.uint8)
    raw = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return Rows(raw, np.ones(count, np.float32), labels, np.arange(count) // 5)


@pytest.mark.parametrize(("hotter", "count"), [(1.0, 120), (1.3, 120), (1.7, 1200)])
def test_of_what_it_accepts_elsewhere_about_as_many_are_wrong_as_may_be_at_most(hotter: float, count: int) -> None:
    elsewhere = rows_of(20_000, hotter, seed=99)
    confidences, chances = elsewhere.confidences(1.0), 1 - elsewhere.confidences(hotter)
    found = [confidences >= threshold(rows_of(count, hotter, seed), OWN, MOST) for seed in range(12)]
    assert all(accepted.any() for accepted in found)
    # where the network is far too sure they are just as many as may be, one sample more and another less
    assert np.mean([chances[accepted].mean() for accepted in found]) <= MOST * (1.2 if hotter > 1 else 1)


def test_fewer_rows_give_a_stricter_threshold() -> None:
    def usual(count: int) -> float:
        return float(np.mean([threshold(rows_of(count, 1.0, seed), OWN, MOST) for seed in range(8)]))

    assert usual(60) > usual(600) > usual(6000) >= OWN.review_below


def test_no_threshold_is_below_that_of_the_model_before() -> None:
    sure = rows_of(2000, 0.5)
    assert threshold(sure, OWN, 0.5) == OWN.review_below
    assert threshold(sure, Rule(1.0, 0.99), 0.5) == 0.99


def test_the_threshold_rises_where_what_is_no_digit_is_proven_to_be_accepted() -> None:
    rows = rows_of(400, 1.0)
    labels = rows.labels.copy()
    labels[np.argsort(-rows.confidences(1.0))[100:110]] = 10
    others = Rows(rows.raw, rows.worth, labels, rows.scans)
    found = threshold(others, OWN, MOST)
    assert found > threshold(rows, OWN, MOST)
    assert others.counts(Rule(1.0, found))[1] < 3


def test_where_all_is_wrong_next_to_nothing_is_accepted() -> None:
    rows = rows_of(200, 1.0)
    wrong = Rows(rows.raw, rows.worth, ((rows.raw.argmax(axis=1) + 1) % 10).astype(np.uint8), rows.scans)
    assert wrong.counts(Rule(1.0, threshold(wrong, OWN, MOST)))[0] == 0


def test_what_is_told_of_the_rows_is_counted_by_rules_that_did_not_know_them() -> None:
    rows = rows_of(300, 1.3)
    found = cautious(rows, OWN, MOST, 0.0)
    assert found.rule == Rule(1.0, threshold(rows, OWN, MOST))
    assert 0 < found.accepted < len(rows)
    strict = cautious(rows, OWN, MOST, 0.999999)
    assert strict.rule.review_below == 0.999999
    assert (strict.accepted, strict.wrong) <= rows.counts(strict.rule)


def test_the_reference_pictures_allow_no_more_wrong_ones_than_before() -> None:
    own = np.zeros(1000, np.intp)
    found = np.zeros((1000, 10), np.float32)
    found[:, 0] = 0.95
    assert allowed(found, own, 0.9, 0) == 0.9
    for row, confidence in enumerate((0.91, 0.94, 0.97)):
        found[row] = 0
        found[row, 1] = confidence
    assert allowed(found, own, 0.9, 3) == 0.9
    assert 0.94 < allowed(found, own, 0.9, 1) < 0.95
    assert 0.97 < allowed(found, own, 0.9, 0) < 0.98
