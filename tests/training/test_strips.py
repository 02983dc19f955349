"""Strings composed of single digits, and the weights that are fitted on them."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.rows import DIGITS
from digitmill.strips.lattice import ALPHABET, FEATURES, SYMBOLS, Weighing
from tests.strips.test_strips import LATTICE
from training.pictures.data import Digits
from training.strips.compose import Composer
from training.strips.fit import Example, calibrated, likelihood
from training.strips.hands import Hands
from training.strips.measure import Outcome, accepted_share, calibration_error


@pytest.fixture(scope="module")
def composer() -> Composer:
    images = np.zeros((40, 28, 28), np.uint8)
    images[:, 4:24, 10:18] = 200
    return Composer(Hands(Digits(images, np.arange(40, dtype=np.uint8) % 10)))


def test_the_same_seed_composes_the_same_strips(composer: Composer) -> None:
    one, other = (composer.draw(np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one.picture, other.picture)
    assert (one.text, one.boxes) == (other.text, other.boxes)


def test_every_digit_has_its_box_within_the_strip_in_the_order_of_the_text(composer: Composer) -> None:
    random = np.random.default_rng(2)
    for _ in range(60):
        strip = composer.draw(random)
        assert len(strip.boxes) == len(strip.characters)
        assert set(strip.characters) <= set(ALPHABET)
        assert "".join(each for each in strip.characters if each in DIGITS) == strip.text
        assert 1 <= len(strip.text) <= 14
        lefts = [left for left, _ in strip.boxes]
        assert lefts == sorted(lefts)
        assert all(0 <= left < right <= strip.picture.shape[1] + 2 for left, right in strip.boxes)


def test_the_slope_of_the_likelihood_is_that_of_its_values() -> None:
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (len(LATTICE), len(SYMBOLS), len(FEATURES)))
    example, weights = Example(LATTICE.starts, LATTICE.ends, features, "120"), random.normal(0, 0.3, len(FEATURES))
    found = likelihood(example, weights)
    assert found is not None
    value, slope = found
    assert value < 0
    for place in range(len(FEATURES)):
        step = np.zeros(len(FEATURES))
        step[place] = 1e-5
        above, below = likelihood(example, weights + step), likelihood(example, weights - step)
        assert above is not None
        assert below is not None
        assert slope[place] == pytest.approx((above[0] - below[0]) / 2e-5, abs=1e-4)


def test_a_text_that_no_path_reads_is_left_out() -> None:
    features = np.zeros((len(LATTICE), len(SYMBOLS), len(FEATURES)))
    assert likelihood(Example(LATTICE.starts, LATTICE.ends, features, "1234567"), np.zeros(len(FEATURES))) is None


def test_confidences_that_promise_too_much_are_brought_down_to_the_share_of_right_ones() -> None:
    promised = np.full(1000, 0.99)
    right = np.arange(1000) % 10 > 0
    found = calibrated(Weighing({}), promised, right)
    logit = found.slope * np.log(0.99 / 0.01) + found.offset
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(0.9, abs=0.005)


def outcome(right: bool, confidence: float) -> Outcome:
    return Outcome("free", "17", "17" if right else "11", confidence, accepted=True)


def test_the_accepted_share_goes_as_far_as_errors_allow() -> None:
    found = [outcome(right, confidence) for right, confidence in ((True, 0.9), (True, 0.8), (False, 0.7))]
    assert accepted_share(found, wrong=0.0) == pytest.approx(2 / 3)
    assert accepted_share(found, wrong=0.4) == 1.0


def test_a_confidence_that_is_right_has_no_calibration_error() -> None:
    found = [outcome(number < 8, 0.8) for number in range(10)]
    assert calibration_error(found) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error([outcome(False, 0.95)]) == pytest.approx(0.95)
