from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.pictures.data import DATA_SETS, Digits, split
from training.pictures.mislabelled import ROWS, mislabelled


def with_label(label: int, rows: tuple[int, ...], size: int) -> NDArray[np.uint8]:
    """Of ``size`` pictures of no digit, but for ``rows``."""
    labels = np.full(size, 10, np.uint8)
    labels[list(rows)] = label
    return labels


def test_they_are_in_neither_part_of_a_split_and_move_no_other_digit() -> None:
    rows = ROWS["unipen"][0]
    labels = with_label(0, rows, 12_000)
    images = np.zeros((12_000, 28, 28), np.uint8)
    images[:, 0, :4] = np.arange(12_000, dtype=">u4").view(np.uint8).reshape(-1, 4)
    digits = Digits(images, labels)
    for kept, before in zip(split(digits, 10, 1, "unipen"), split(digits, 10, 1), strict=True):
        numbers, all_numbers = (part.images[:, 0, :4].copy().view(">u4").ravel() for part in (kept, before))
        np.testing.assert_array_equal(numbers, all_numbers[~np.isin(all_numbers, rows)])
    assert mislabelled("unipen", labels).sum() == len(rows)


def test_a_row_with_another_label_is_of_another_copy_and_stays() -> None:
    assert not mislabelled("mnist", np.full(60_000, 10, np.uint8)).any()
    assert not mislabelled("mnist", np.empty(0, np.uint8)).any()


def test_a_set_of_ones_own_has_none_that_are_known() -> None:
    assert not mislabelled("scans", np.zeros(60_000, np.uint8)).any()


def test_each_row_of_the_list_is_there_once_and_of_a_built_in_set() -> None:
    assert set(ROWS) <= set(DATA_SETS)
    for labels in ROWS.values():
        rows = [row for listed in labels.values() for row in listed]
        assert len(set(rows)) == len(rows)
        assert set(labels) <= set(range(10))
