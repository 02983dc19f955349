"""Digits with more loops than theirs have a stroke through them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.loops import LOOPED, struck_through, too_many_loops
from digitmill.imaging.normaliser.normalise import normalise
from tests.imaging.test_normalise import samples
from tests.pictures import PAPER, Grey


def ring_over(*points: tuple[int, int]) -> Grey:
    sheet = np.full((140, 140), PAPER, np.uint8)
    cv2.ellipse(sheet, (70, 70), (30, 45), 0, 0, 360, 40, 7, cv2.LINE_AA)
    if points:
        cv2.polylines(sheet, [np.array(points, np.int32)], False, 40, 7, cv2.LINE_AA)
    return sheet


def looped(picture: Grey, digit: int) -> bool:
    found = normalise(picture, Polarity.AUTO)
    assert found is not None
    return bool(too_many_loops(found[None], np.array([digit]))[0])


def test_a_zero_is_none_and_with_a_line_through_it_is_one() -> None:
    assert not looped(ring_over(), 0)
    assert looped(ring_over((25, 120), (115, 20)), 0)
    assert looped(ring_over((20, 75), (120, 65)), 0)


def test_a_tail_that_closes_nothing_is_none() -> None:
    assert not looped(ring_over((70, 25), (110, 15)), 0)


def test_two_loops_are_an_eight_and_more_are_none() -> None:
    assert not looped(ring_over((20, 75), (120, 65)), 8)
    assert looped(ring_over((25, 120), (70, 70), (115, 20), (70, 70), (30, 30)), 8)


def test_only_digits_that_are_sure_but_not_beyond_doubt_are_looked_at() -> None:
    found = normalise(ring_over((25, 120), (115, 20)), Polarity.AUTO)
    assert found is not None
    digits, confidences = np.array([0, 0, 7, 0]), np.array([0.995, 0.9, 0.995, 0.99995])
    assert struck_through([found] * 4, digits, confidences, 0.99).tolist() == [True, False, False, False]


@pytest.mark.parametrize("source", ["mnist", "hsf"])
def test_digits_of_the_samples_are_none(source: str) -> None:
    for name, picture in samples(source).items():
        if name[0] in map(str, LOOPED):
            assert not looped(picture, int(name[0]))
