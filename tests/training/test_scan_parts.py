from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator
from numpy.typing import NDArray

from tests.training.drawn import digits_of
from training.drawn.ink import enlarged
from training.scans import tables
from training.scans.boxes import with_form
from training.scans.crops import OVERLAP, cut_out, with_neighbours, with_stop
from training.scans.papers import Sheet, on_paper
from training.scans.pens import strokes, textured
from training.scans.scanner import LARGEST, LARGEST_SIDE, digitised, resized, resolution

Picture = NDArray[np.uint8]

SEEDS = st.integers(0, 2**32 - 1)
INKS = [np.pad(enlarged(image), 4) for image in digits_of(1).images]
DIGITS = st.sampled_from(range(10))


def _sheet(ink: Picture) -> Sheet:
    return Sheet(230 - ink.astype(np.float32) * np.float32(0.75), 230, 190)


def _random(seed: int) -> Generator:
    return np.random.default_rng(seed)


@given(SEEDS, DIGITS)
def test_a_pen_follows_the_strokes(seed: int, digit: int) -> None:
    ink = INKS[digit]
    written = strokes(ink, _random(seed))
    near = cv2.dilate(ink, np.ones((9, 9), np.uint8)) > 60
    reached = cv2.dilate(written, np.ones((9, 9), np.uint8)) > 60
    assert not (written > 127)[~near].any()
    assert reached[ink > 200].mean() > 0.95


def test_pens_are_fine_and_broad() -> None:
    random = _random(1)
    shares = [float((strokes(INKS[2], random) > 127).mean()) for _ in range(200)]
    assert max(shares) > 2.5 * min(shares)


@given(SEEDS, DIGITS)
def test_a_texture_takes_ink_away_and_leaves_most(seed: int, digit: int) -> None:
    ink = INKS[digit]
    worn = textured(ink, _random(seed))
    assert (worn <= ink).all()
    assert worn.sum() > 0.3 * ink.sum()


def test_some_pens_are_uneven() -> None:
    random = _random(2)
    assert 0.2 < np.mean([textured(INKS[5], random) is not INKS[5] for _ in range(300)]) < 0.6


@given(SEEDS, DIGITS)
def test_a_crop_shows_nearly_all_of_its_digit(seed: int, digit: int) -> None:
    ink = INKS[digit]
    crop, digit_height = cut_out(ink, _random(seed))
    _, _, width, height = cv2.boundingRect((ink > 40).astype(np.uint8))
    assert digit_height == height
    longest = max(width, height)
    assert (crop > 40).sum() > 0.8 * (ink > 40).sum()
    assert crop.sum() <= ink.sum()
    assert longest - 2 <= max(crop.shape) <= longest / 0.26


def test_crops_are_tight_and_loose() -> None:
    random = _random(3)
    rooms = [max(crop.shape) / height for crop, height in (cut_out(INKS[8], random) for _ in range(300))]
    assert min(rooms) <= 1
    assert max(rooms) > 2.5


def inside(crop: Picture) -> tuple[slice, slice]:
    """The middle of the box of the ink, a little more than what neighbours leave free on every side."""
    x, y, width, height = cv2.boundingRect((crop > 40).astype(np.uint8))
    across, down = math.ceil(OVERLAP * width) + 2, math.ceil(OVERLAP * height) + 2
    return slice(y + down, y + height - down), slice(x + across, x + width - across)


@given(SEEDS, DIGITS, DIGITS)
def test_neighbours_reach_in_and_leave_the_middle_of_the_digit(seed: int, digit: int, other: int) -> None:
    crop = np.pad(INKS[digit], 6)
    crowded = with_neighbours(crop, lambda: INKS[other], _random(seed))
    assert (crowded >= crop).all()
    np.testing.assert_array_equal(crowded[inside(crop)], crop[inside(crop)])


def test_some_neighbours_touch_the_digit_and_most_do_not() -> None:
    random, crop = _random(9), np.pad(INKS[0], 6)
    x, y, width, height = cv2.boundingRect((crop > 40).astype(np.uint8))
    box = np.s_[y : y + height, x : x + width]
    reached = [bool((with_neighbours(crop, lambda: INKS[8], random)[box] > crop[box]).any()) for _ in range(200)]
    assert 0 < np.mean(reached) < 0.5


def test_neighbours_come_from_every_side() -> None:
    random, blank = _random(4), np.zeros((60, 60), np.uint8)
    crowded = np.maximum.reduce([with_neighbours(blank, lambda: INKS[8], random) for _ in range(60)])
    assert all(np.rot90(crowded, turns)[:, -3:].max() > 200 for turns in range(4))
    assert crowded[20:40, 20:40].max() == 0


@given(SEEDS, DIGITS, st.integers(0, 12))
def test_a_full_stop_stands_at_the_right_foot_of_the_digit(seed: int, digit: int, margin: int) -> None:
    crop = np.pad(INKS[digit], margin)
    x, y, width, height = cv2.boundingRect((crop > 40).astype(np.uint8))
    stopped = with_stop(crop, _random(seed))
    added = stopped.copy()
    added[: crop.shape[0], : crop.shape[1]] -= np.minimum(crop, added[: crop.shape[0], : crop.shape[1]])
    left, top, across, down = cv2.boundingRect((added > 40).astype(np.uint8))
    assert left > x + width / 2
    assert top > y + height / 2
    assert 0 < max(across, down) < height / 2
    assert (stopped[: crop.shape[0], : crop.shape[1]] >= crop).all()


def test_a_crop_without_ink_gets_no_full_stop() -> None:
    assert with_stop(np.zeros((30, 20), np.uint8), _random(1)).max() == 0


@given(SEEDS, DIGITS)
def test_a_form_adds_lines_and_keeps_the_ink(seed: int, digit: int) -> None:
    crop = INKS[digit]
    printed = with_form(crop, _random(seed))
    assert printed.shape == crop.shape
    assert (printed >= crop).all()


def test_forms_have_lines_on_every_side_and_below_the_middle() -> None:
    random, crop = _random(5), np.zeros((60, 40), np.uint8)
    crop[20:40, 18:22] = 255
    lines = [with_form(crop, random) > np.maximum(crop, 20) for _ in range(200)]
    assert np.mean([line.any() for line in lines]) > 0.9
    shown = np.mean(lines, axis=0)
    assert min(shown[:7].max(), shown[-7:].max(), shown[:, :5].max(), shown[:, -5:].max()) > 0.05
    assert shown[40:54].max() > shown[8:18, 8:32].max()


@given(SEEDS, DIGITS, st.booleans())
def test_ink_is_darker_than_the_paper_beside_it(seed: int, digit: int, shaded: bool) -> None:
    ink = INKS[digit]
    sheet = on_paper(ink, _random(seed), shaded=shaded)
    assert sheet.grey.dtype == np.float32
    assert 0 <= sheet.grey.min() <= sheet.grey.max() <= 256
    assert 10 < sheet.contrast < sheet.paper
    bare = on_paper(np.zeros_like(ink), _random(seed), shaded=shaded).grey
    assert (sheet.grey[ink > 200] < bare[ink > 200] * (1 - 0.5 * sheet.contrast / sheet.paper)).all()
    assert sheet.grey[ink == 0] == pytest.approx(bare[ink == 0], abs=sheet.contrast)


def test_paper_is_plain_printed_on_or_in_shadow_and_always_quieter_than_the_ink() -> None:
    random, ink = _random(7), INKS[0]
    plain, printed, shaded = 0, 0, 0
    for _ in range(200):
        sheet = on_paper(ink, random, shaded=False)
        spread = float(np.ptp(sheet.grey[ink == 0]))
        assert spread < 0.8 * sheet.contrast
        plain += spread == 0
        printed += spread > 0
        shaded += float(np.ptp(on_paper(np.zeros_like(ink), random, shaded=True).grey)) > 0.05 * 255
    assert plain > 80
    assert printed > 40
    assert shaded > 40


@given(SEEDS, st.integers(5, 100), st.integers(5, 400), st.booleans())
def test_resolutions_stay_within_their_limits(seed: int, height: int, side: int, bilevel: bool) -> None:
    scale = resolution(height, max(height, side), _random(seed), bilevel=bilevel)
    assert scale * max(height, side) <= LARGEST_SIDE + 1e-6
    assert scale * height <= LARGEST + 1e-6
    assert max(resized(np.zeros((max(height, side), height), np.uint8), scale).shape) <= LARGEST_SIDE + 1


@given(SEEDS, DIGITS)
def test_a_scanner_keeps_dark_ink_dark(seed: int, digit: int) -> None:
    picture = digitised(_sheet(INKS[digit]), 40, _random(seed), bilevel=False)
    assert picture.shape == INKS[digit].shape
    assert picture[INKS[digit] > 200].mean() < picture[INKS[digit] == 0].mean() - 60


@given(SEEDS, DIGITS)
def test_a_bilevel_scan_is_black_and_white(seed: int, digit: int) -> None:
    picture = digitised(_sheet(INKS[digit]), 40, _random(seed), bilevel=True)
    assert set(np.unique(picture)) <= {0, 255}
    assert (picture[INKS[digit] == 0] == 255).mean() > 0.9


@pytest.mark.parametrize(
    "table", [tables.patterns, tables.ghosts, tables.patches, tables.grains, tables.gaps, tables.noises]
)
def test_a_piece_of_a_table_has_the_shape_asked_for(table: object) -> None:
    assert callable(table)
    for shape in ((5, 190), (192, 192), (250, 30)):
        cut = tables.piece(table(), shape, _random(6))
        assert cut.shape == shape
        assert cut.dtype == np.uint8


def test_no_pattern_is_blank_or_full() -> None:
    assert all(0.5 < pattern.mean() < 200 for pattern in tables.patterns())
    assert all(abs(float(noise.mean()) - 128) < 2 for noise in tables.noises())
