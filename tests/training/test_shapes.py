from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.drawn import digits_of
from training.drawn.ink import LARGE, enlarged
from training.shapes import SHAPES, european

PRINTED = digits_of(1)
SEEDS = st.integers(0, 2**32 - 1)
LARGE_DIGITS = [enlarged(image) for image in PRINTED.images]


@given(SEEDS, st.sampled_from(sorted(SHAPES)))
def test_every_shape_is_as_high_as_a_digit_and_has_strokes(seed: int, label: int) -> None:
    for _, shape in SHAPES[label]:
        picture = shape(LARGE_DIGITS[label], np.random.default_rng(seed))
        assert picture.shape == (LARGE, LARGE)
        assert picture.dtype == np.uint8
        _, _, width, height = cv2.boundingRect((picture > 127).astype(np.uint8))
        assert LARGE / 2 < max(width, height) <= LARGE
        assert 0.02 < (picture > 127).mean() < 0.45


def test_pictures_of_no_digit_stay() -> None:
    large, random = LARGE_DIGITS[8], np.random.default_rng(3)
    assert all(european(large, 10, random) is large for _ in range(100))


@pytest.mark.parametrize(
    ("label", "least", "most"),
    [(7, 0.48, 0.66), (1, 0.4, 0.58), (4, 0.3, 0.48), (9, 0.26, 0.42), (8, 0.05, 0.16), (0, 0.14, 0.28)],
)
def test_a_share_of_a_digit_is_drawn_in_another_shape(label: int, least: float, most: float) -> None:
    large, random = LARGE_DIGITS[label], np.random.default_rng(1)
    assert least < np.mean([european(large, label, random) is not large for _ in range(500)]) < most


@pytest.mark.parametrize("label", [0, 1, 7])
def test_strokes_are_added_and_nothing_is_taken_away(label: int) -> None:
    large, random = LARGE_DIGITS[label], np.random.default_rng(2)
    shape = SHAPES[label][0][1]
    drawn = [shape(large, random) for _ in range(20)]
    assert all((picture >= large).all() for picture in drawn)
    assert any((picture > large).any() for picture in drawn)


@given(SEEDS, st.sampled_from([0, 1, 7]))
def test_a_blank_original_gets_no_strokes_added(seed: int, label: int) -> None:
    blank = np.zeros((LARGE, LARGE), np.uint8)
    assert SHAPES[label][0][1](blank, np.random.default_rng(seed)).max() == 0
