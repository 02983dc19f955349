"""What may be lost of a strip's number: digits that were cut through at a side, and a pen that ran dry."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.strips.ink import strip_ink
from tests.strips.test_strips import written

Grey = NDArray[np.uint8]

SECOND = 54
"""The column at which the second character of ``written`` begins, 28 columns wide; the first ends at 40."""


def is_lost(grey: Grey) -> bool:
    ink = strip_ink(grey, Polarity.AUTO)
    assert ink is not None
    return ink.lost


@pytest.mark.parametrize("turn", [lambda strip: strip, lambda strip: 255 - strip, lambda strip: strip // 2 + 100])
@pytest.mark.parametrize("characters", ["8", "38", "4096", "205"])
def test_nothing_is_lost_of_a_strip_with_paper_around_it(characters: str, turn: Callable[[Grey], Grey]) -> None:
    assert not is_lost(turn(written(*characters)))


@pytest.mark.parametrize("boxed", [False, True])
def test_print_around_a_number_is_no_digit(boxed: bool) -> None:
    strip = written(*"4096", rule=58, boxed=boxed)
    paler = (255 - (255 - strip.astype(int)) // 5).astype(np.uint8)
    assert not is_lost(np.minimum(paler, written(*"4096")))


@pytest.mark.parametrize("character", ["0", "8", "3", "6"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_a_digit_that_is_cut_through_is_told(character: str, share: float) -> None:
    strip = written("2", character)
    at = SECOND + round(28 * share)
    assert is_lost(np.ascontiguousarray(strip[:, :at]))
    assert is_lost(np.ascontiguousarray(strip[:, :at][:, ::-1]))


def test_ink_that_only_touches_the_side_is_whole() -> None:
    strip = written(*"80")
    columns = np.flatnonzero((strip < 128).any(axis=0))
    assert not is_lost(np.ascontiguousarray(strip[:, columns[0] - 1 : columns[-1] + 2]))


@pytest.mark.parametrize("left", [0.1, 0.15, 0.2])
def test_a_digit_too_faint_to_be_read_beside_the_others_is_told(left: float) -> None:
    strip = written(*"4096").astype(float)
    strip[:, 125:] = 255 - (255 - strip[:, 125:]) * left
    blurred = cv2.GaussianBlur(strip, (3, 3), 0) + np.random.default_rng(1).normal(0, 1.5, strip.shape)
    assert is_lost(blurred.clip(0, 255).astype(np.uint8))
