from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.drawn import digits_of
from training.non_digits import Kind, kinds, non_digits, picture_of
from training.non_digits.checks import like_a_one, like_its_drawing
from training.non_digits.letters import HANDWRITTEN, PRINTED, handwritten, printed
from training.non_digits.strokes import CANVAS, Picture, drawn, line

PRINTED_DIGITS = digits_of(2)
KINDS = kinds(PRINTED_DIGITS)
INKED = [kind for kind in KINDS if not kind.scanned]
LIKE_DIGITS = set("aBbDdGgIiJjlOoQqrSsTuYyZz")


def _named(name: str) -> Kind:
    return next(kind for kind in KINDS if kind.name == name)


def _upright(slant: float) -> Picture:
    canvas = np.zeros((28, 28), np.uint8)
    cv2.line(canvas, (round(14 - slant), 4), (round(14 + slant), 23), 255, 2, cv2.LINE_AA)
    return canvas


def _lean(ink: Picture) -> float:
    """How far to the right a stroke of ``ink`` goes upwards, by its height, on average."""
    moments = cv2.moments(ink)
    return -moments["mu11"] / moments["mu02"]


def test_the_same_seed_gives_the_same_pictures() -> None:
    first, again, other = (non_digits(PRINTED_DIGITS, 60, (1, epoch)) for epoch in (1, 1, 2))
    np.testing.assert_array_equal(first.images, again.images)
    assert (first.images != other.images).any()


@pytest.mark.parametrize("count", [0, 1, 80])
def test_as_many_pictures_as_asked_for_are_in_the_form_of_mnist(count: int) -> None:
    images = non_digits(PRINTED_DIGITS, count, (3,)).images
    assert images.shape == (count, 28, 28)
    assert images.dtype == np.uint8
    for image in images:
        assert image.max() > 100
        _, _, width, height = cv2.boundingRect(image)
        assert max(width, height) <= 20


def test_the_digits_that_pairs_are_made_from_are_not_touched() -> None:
    before = PRINTED_DIGITS.images.copy()
    non_digits(PRINTED_DIGITS, 40, (4,))
    np.testing.assert_array_equal(PRINTED_DIGITS.images, before)


def test_pictures_are_made_where_some_digit_is_missing() -> None:
    assert len(non_digits(PRINTED_DIGITS[:4], 40, (5,))) == 40


@pytest.mark.parametrize("kind", INKED, ids=lambda kind: kind.name)
def test_every_kind_draws_ink_with_space_around_it(kind: Kind) -> None:
    random = np.random.default_rng(6)
    for _ in range(20):
        ink = kind.draw(random)
        assert ink.dtype == np.uint8
        assert ink.max() > 200
        edges = np.concatenate((ink[0], ink[-1], ink[:, 0], ink[:, -1]))
        assert edges.max() < 200


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_pictures_of_every_kind_reach_the_network_and_differ(kind: Kind) -> None:
    random = np.random.default_rng(7)
    pictures = [picture for _ in range(30) if (picture := picture_of(kind, random)) is not None]
    assert len(pictures) >= 5
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_no_picture_could_be_a_one(kind: Kind) -> None:
    random = np.random.default_rng(8)
    for _ in range(15):
        picture = picture_of(kind, random)
        assert picture is None or not like_a_one(picture)


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_a_pair_is_wide_or_in_two_pieces(seed: int) -> None:
    picture = _named("pair").draw(np.random.default_rng(seed))
    pieces, _, statistics, _ = cv2.connectedComponentsWithStats((picture > 100).astype(np.uint8))
    _, _, width, height = cv2.boundingRect((picture > 100).astype(np.uint8))
    large = np.count_nonzero(statistics[1:, cv2.CC_STAT_HEIGHT] > height / 2)
    assert pieces > 1
    assert large > 1 or width > 0.7 * height


def test_some_pairs_lean_so_that_one_stands_over_the_foot_of_the_other() -> None:
    random = np.random.default_rng(3)
    leans = np.array([_lean(_named("pair").draw(random)) for _ in range(200)])
    assert 0.1 < (leans > 0.6).mean() < 0.4


def test_a_pair_of_which_one_digit_is_lost_is_left_out() -> None:
    pair = _named("pair").draw(np.random.default_rng(9))
    half = np.zeros((28, 28), np.uint8)
    half[4:24, 9:19] = cv2.resize(pair[:, : pair.shape[1] // 2], (10, 20))
    assert not like_its_drawing(half, pair)


@given(st.floats(-7, 7))
def test_a_stroke_that_stands_or_leans_is_like_a_one(slant: float) -> None:
    assert like_a_one(_upright(slant))
    assert not like_a_one(np.ascontiguousarray(_upright(slant).T))


def test_letters_that_are_a_digit_in_some_hand_are_never_drawn() -> None:
    assert not LIKE_DIGITS & (set(HANDWRITTEN) | set(PRINTED))


@given(st.integers(0, 2**32 - 1))
def test_a_letter_is_drawn_whole_and_legibly_large(seed: int) -> None:
    for draw in (handwritten, printed):
        ink = draw(np.random.default_rng(seed))
        assert ink.shape == (CANVAS, CANVAS)
        _, _, width, height = cv2.boundingRect((ink > 100).astype(np.uint8))
        assert 16 <= max(width, height) < CANVAS


@given(st.integers(0, 2**32 - 1))
def test_a_stroke_bends_but_keeps_its_direction(seed: int) -> None:
    ink = drawn((line((0, 0), (1, 0)),), np.random.default_rng(seed), slant=0)
    _, _, width, height = cv2.boundingRect((ink > 100).astype(np.uint8))
    assert width > 2 * height
