from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.drawn import digits_of
from training.augment import augment, bent, scanned
from training.data import Digits
from training.forms import cut_out
from training.shapes import european

PRINTED = digits_of(2)
SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(0, len(PRINTED) - 1)


@pytest.mark.parametrize("scan_share", [0.0, 0.5, 1.0])
def test_a_seed_decides_the_pictures(scan_share: float) -> None:
    first, again, other = (augment(PRINTED, (1, epoch), scan_share) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.images != other.images).any(axis=(1, 2)).all()


def test_labels_and_order_stay_and_the_originals_are_not_touched() -> None:
    before = PRINTED.images.copy()
    drawn = augment(PRINTED, (1, 2), 0.5)
    np.testing.assert_array_equal(drawn.labels, PRINTED.labels)
    assert drawn.images.shape == PRINTED.images.shape
    assert drawn.images.dtype == np.uint8
    np.testing.assert_array_equal(PRINTED.images, before)


@given(SEEDS, ROWS, ROWS)
def test_a_scan_of_a_digit_is_a_normalised_picture_with_ink(seed: int, row: int, neighbour: int) -> None:
    picture = scanned(PRINTED.images[row], PRINTED.images[neighbour], np.random.default_rng(seed))
    assert picture.shape == (28, 28)
    assert picture.dtype == np.uint8
    assert picture.max() > 100
    assert np.ptp(np.nonzero(picture), axis=1).max() < 20


@given(SEEDS, ROWS)
def test_bending_keeps_the_digit_in_the_picture(seed: int, row: int) -> None:
    image = PRINTED.images[row]
    picture = bent(image, np.random.default_rng(seed))
    assert 0.6 < picture.sum() / image.sum() < 1.5


@given(SEEDS)
def test_a_blank_original_stays_blank(seed: int) -> None:
    blank = np.zeros((28, 28), np.uint8)
    assert european(blank, 7, np.random.default_rng(seed)).max() == 0
    assert cut_out(blank, lambda: blank, np.random.default_rng(seed)) is blank


@given(SEEDS, st.integers(0, 9))
def test_only_sevens_and_ones_get_strokes_and_lose_nothing(seed: int, label: int) -> None:
    image = PRINTED.images[2 * label]
    picture = european(image, label, np.random.default_rng(seed))
    assert (picture >= image).all()
    if label not in (1, 7):
        assert picture is image


def test_some_sevens_are_crossed_and_some_ones_flagged() -> None:
    for label in (1, 7):
        image = PRINTED.images[2 * label]
        changed = [(european(image, label, np.random.default_rng(seed)) != image).any() for seed in range(200)]
        assert 20 < sum(changed) < 100


@given(SEEDS, ROWS, ROWS)
def test_a_crop_shows_all_of_its_own_digit(seed: int, row: int, neighbour: int) -> None:
    sheet = np.pad(PRINTED.images[row], 10)
    crop = cut_out(sheet, lambda: np.pad(PRINTED.images[neighbour], 10), np.random.default_rng(seed))
    ink = sheet > 40
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    digit = sheet[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    windows = np.lib.stride_tricks.sliding_window_view(crop, digit.shape)
    assert (windows >= digit).all(axis=(2, 3)).any()


def test_digits_of_no_length_are_augmented_to_none() -> None:
    empty = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    assert len(augment(empty, (1,), 0.5)) == 0
