from __future__ import annotations

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise
from tests.training.drawn import digits_of
from training.drawn.ink import enlarged
from training.drawn.scan import scan

Picture = NDArray[np.uint8]

SEEDS = st.integers(0, 2**32 - 1)
INKS = [np.pad(enlarged(image), 4) for image in digits_of(1).images]
DIGITS = st.sampled_from(range(10))


@given(SEEDS, DIGITS)
def test_a_seed_decides_the_scan(seed: int, digit: int) -> None:
    first, again = (scan(INKS[digit], np.random.default_rng(seed), lambda: INKS[3]) for _ in range(2))
    np.testing.assert_array_equal(first.picture, again.picture)
    assert first.polarity is again.polarity


@given(SEEDS, DIGITS)
def test_a_scan_is_a_grey_picture_of_usual_size_and_leaves_the_ink_alone(seed: int, digit: int) -> None:
    before = INKS[digit].copy()
    drawn = scan(INKS[digit], np.random.default_rng(seed), lambda: INKS[3])
    assert drawn.picture.dtype == np.uint8
    assert drawn.picture.ndim == 2
    assert 6 <= max(drawn.picture.shape) <= 131
    np.testing.assert_array_equal(INKS[digit], before)


def test_most_scans_are_dark_on_light_and_all_are_as_they_say() -> None:
    random = np.random.default_rng(1)
    scans = [scan(INKS[0], random) for _ in range(400)]
    dark = [drawn for drawn in scans if drawn.polarity is Polarity.DARK_ON_LIGHT]
    assert 0.7 < len(dark) / len(scans) < 0.9
    assert np.mean([drawn.picture.mean() for drawn in dark]) > 150
    assert np.mean([drawn.picture.mean() for drawn in scans if drawn.polarity is Polarity.LIGHT_ON_DARK]) < 105


def test_nearly_every_digit_is_found_again_in_its_scan() -> None:
    random = np.random.default_rng(2)
    lost, unlike = 0, 0
    for turn in range(500):
        ink = INKS[turn % 10]
        drawn = scan(ink, random)
        found, original = normalise(drawn.picture, drawn.polarity), normalise(ink, Polarity.LIGHT_ON_DARK)
        assert original is not None
        if found is None:
            lost += 1
        else:
            unlike += float(np.corrcoef(_soft(found), _soft(original))[0, 1]) < 0.5
    assert lost < 15
    assert unlike < 75


def test_scans_differ_in_size_contrast_and_room() -> None:
    random = np.random.default_rng(3)
    pictures = [scan(INKS[2], random).picture for _ in range(300)]
    sides = np.array([max(picture.shape) for picture in pictures])
    contrasts = np.array([np.ptp(np.quantile(picture, (0.02, 0.98))) for picture in pictures])
    assert sides.min() < 20
    assert sides.max() > 90
    assert contrasts.min() < 70
    assert contrasts.max() == 255
    assert any(len(np.unique(picture)) == 2 for picture in pictures)


@given(SEEDS, st.integers(8, 150), st.integers(8, 150))
def test_ink_of_any_size_and_none_can_be_scanned(seed: int, height: int, width: int) -> None:
    blank = np.zeros((height, width), np.uint8)
    written = cv2.resize(INKS[4], (width, height))
    for ink in (blank, np.asarray(written, np.uint8)):
        assert scan(ink, np.random.default_rng(seed), lambda: INKS[3]).picture.size > 0


def _soft(picture: Picture) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 1.5), np.float64).ravel()
