from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import training.drawn.augment
from tests.training.drawn import digits_of
from training.drawn.augment import augment, scanned
from training.drawn.ink import CANVAS, bent, enlarged, written
from training.pictures.data import Digits

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
    label = int(PRINTED.labels[row])
    picture = scanned(PRINTED.images[row], label, PRINTED.images[neighbour], np.random.default_rng(seed))
    assert picture.shape == (28, 28)
    assert picture.dtype == np.uint8
    assert picture.max() > 100
    assert np.ptp(np.nonzero(picture), axis=1).max() < 28


@given(SEEDS, ROWS)
def test_bending_keeps_the_digit_in_the_picture(seed: int, row: int) -> None:
    image = PRINTED.images[row]
    picture = bent(image, np.random.default_rng(seed))
    assert 0.5 < picture.sum() / image.sum() < 2


def test_bending_changes_the_width_of_some_strokes() -> None:
    image, random = PRINTED.images[0], np.random.default_rng(3)
    sums = [int(bent(image, random).sum()) for _ in range(200)]
    assert max(sums) > 1.15 * image.sum()
    assert 0.8 < np.median(sums) / image.sum() < 1.1


@given(SEEDS, ROWS)
def test_writing_a_digit_large_keeps_it_whole_on_the_canvas(seed: int, row: int) -> None:
    picture = written(enlarged(PRINTED.images[row]), np.random.default_rng(seed))
    assert picture.shape == (CANVAS, CANVAS)
    rows, columns = np.nonzero(picture > 127)
    assert 18 < max(np.ptp(rows), np.ptp(columns)) < CANVAS
    assert np.concatenate((picture[0], picture[-1], picture[:, 0], picture[:, -1])).mean() < 40


def test_a_digit_whose_ink_is_lost_comes_back_as_it_came() -> None:
    blank = np.zeros((28, 28), np.uint8)
    assert any(scanned(blank, 5, blank, np.random.default_rng(seed)) is blank for seed in range(20))


def test_a_scan_that_shows_something_else_is_not_taken_for_its_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    rule, image, label = np.zeros((28, 28), np.uint8), PRINTED.images[0], int(PRINTED.labels[0])
    rule[13:15, 4:24] = 255
    monkeypatch.setattr(training.drawn.augment, "normalise", lambda *_: rule)
    assert scanned(image, label, image, np.random.default_rng(1)) is image


def test_digits_of_no_length_are_augmented_to_none() -> None:
    empty = Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8))
    assert len(augment(empty, (1,), 0.5)) == 0
