"""How sure a model of numbers is of strips: what is true of composed ones, what is fitted to it, and the threshold."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.rows import DIGITS
from digitmill.strips.certainty import DROPPED_FEATURES, GROUP_FEATURES, NUMBER_FEATURES, Evidence
from tests import numbers
from training.pictures.data import Digits
from training.strips.certainty import MARGIN, Sample, fitted, gathered, judged, proven, threshold
from training.strips.hands import Hands
from training.strips.measure import LETS_THROUGH, Outcome


def sample(random: np.random.Generator) -> Sample:
    """A number of three digits that is right where the first feature of all its groups is above -1.5."""
    groups = random.normal(0, 1, (3, GROUP_FEATURES))
    right = groups[:, 0] > -1.5
    evidence = Evidence(groups, np.zeros((0, DROPPED_FEATURES)), (1.0, -1.0, -1.0))
    none = np.zeros(0, bool)
    return Sample(evidence, np.ones(3, bool), right, none, bool(right.all()), 1.0)


def drawn_digits() -> Digits:
    """Zeros and ones as circles and strokes, and no other digits but these under the other labels."""
    images = np.zeros((40, 28, 28), np.uint8)
    images[:, 4:24, 12:16] = 255
    images[::10, 4:24, 7:21] = 255
    images[::10, 8:20, 11:17] = 0
    return Digits(images, np.arange(40, dtype=np.uint8) % 10)


def test_what_was_fitted_is_sure_of_the_right_numbers_and_not_of_the_others() -> None:
    random = np.random.default_rng(1)
    samples = [sample(random) for _ in range(600)]
    certainty = fitted(samples)
    assert [len(each.weights) for each in (certainty.single, certainty.digit, certainty.dropped, certainty.number)] == [
        GROUP_FEATURES,
        GROUP_FEATURES,
        DROPPED_FEATURES,
        NUMBER_FEATURES,
    ]
    fresh = [sample(random) for _ in range(300)]
    sure = np.array([certainty.probability(each.evidence) for each in fresh])
    right = np.array([each.right for each in fresh])
    assert sure[right].mean() > sure[~right].mean() + 0.3
    found = proven(samples)
    assert found.mean() == pytest.approx(np.mean([each.right for each in samples]), abs=0.05)


def test_strips_by_a_hand_say_of_each_group_whether_it_is_its_digit() -> None:
    found = gathered(Hands(drawn_digits()), 12, np.random.default_rng(3), numbers.model())
    assert len(found.samples) == len(found.texts) == len(found.kinds) == 12
    assert found.read
    for each in found.read:
        assert each.evidence.groups.shape == (len(each.single), GROUP_FEATURES)
        assert each.evidence.dropped.shape == (len(each.none), DROPPED_FEATURES)
        assert not (each.digit & ~each.single).any()
        if each.right:
            assert each.digit.all()
            assert each.none.all()
    for outcome, text, known in zip(judged(found), found.texts, found.samples, strict=True):
        assert outcome.text == text
        assert set(text) <= set(DIGITS)
        assert outcome.right is (known is not None and known.right)


def test_the_threshold_lets_no_more_through_than_a_part_of_what_may_be_wrong() -> None:
    right = [Outcome("free", "1", "1", 0.999 - 1e-5 * place, accepted=False) for place in range(5000)]
    wrong = [Outcome("free", "1", "7", 0.9901 - 0.01 * place, accepted=False) for place in range(8)]
    found = threshold([*right, *wrong])
    accepted = [each for each in (*right, *wrong) if each.confidence >= found]
    assert sum(not each.right for each in accepted) <= MARGIN * LETS_THROUGH * len(accepted)
    lower = [each for each in (*right, *wrong) if each.confidence >= found - 1e-4]
    assert sum(not each.right for each in lower) > MARGIN * LETS_THROUGH * len(lower)
