from __future__ import annotations

import numpy as np
import pytest

from tests.training.drawn import digits_of
from training.non_digits import kinds, non_digits
from training.pictures.kinds import INSIDE, KINDS, OTHER, classes_of_labels, label_of, targets

WITH_DIGIT = ("struck_out", "circled")
"""Kinds in which a digit can still be seen."""


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_a_class_after_the_digits(kind: str) -> None:
    label = np.array([label_of(kind)], np.uint8)
    assert classes_of_labels(label).tolist() == [10 + KINDS.index(kind)]
    assert targets(label, 17)[0, 10 + KINDS.index(kind)] == 1


def test_the_digit_inside_is_taught_as_the_guess() -> None:
    wanted = targets(np.array([label_of("circled", 3)], np.uint8), 17)[0]
    assert wanted[:10].argmax() == 3
    assert wanted[10 + KINDS.index("circled")] == pytest.approx(0.9)


def test_a_network_with_one_class_for_all_kinds_is_asked_for_that() -> None:
    labels = np.array([4, OTHER, label_of("dash")], np.uint8)
    assert targets(labels, 11).argmax(axis=1).tolist() == [4, 10, 10]
    assert classes_of_labels(labels, 11).tolist() == [4, 10, 10]


def test_every_kind_is_drawn_and_labelled() -> None:
    pictures = non_digits(digits_of(2), 400, (1,))
    assert set(classes_of_labels(pictures.labels).tolist()) == set(range(10, 17))
    for kind in kinds(digits_of(2)):
        assert (kind.label >= INSIDE) == (kind.inside is not None)
        assert kind.inside is None or kind.kind in WITH_DIGIT
