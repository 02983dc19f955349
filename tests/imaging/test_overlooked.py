"""Ink that is small on its paper is seen, and paper without ink stays blank."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.jobs import Options, Polarity
from digitmill.domain.rows import Reason, Row, RowStatus
from digitmill.imaging.normaliser.overlooked import overlooked_ink
from digitmill.readers.digit import DigitReader
from digitmill.store.rows import Answers
from digitmill.work.pipeline import OpenedChunk, answer_opened
from tests.core.conftest import DarkMeansSeven
from tests.pictures import drawn_digit

Grey = NDArray[np.uint8]
READER = DigitReader()


def paper(height: int, width: int, tone: int = 235, noise: float = 2.0, seed: int = 0) -> Grey:
    grain = np.random.default_rng(seed).normal(tone, noise, (height, width))
    return grain.clip(0, 255).astype(np.uint8)


def put(page: Grey, side: int, x: int, y: int) -> None:
    """A dark digit, ``side`` pixels high, at this place."""
    ink = drawn_digit(side=side)
    page[y : y + side, x : x + side] = np.minimum(page[y : y + side, x : x + side], ink)


def row_of(page: Grey) -> Row:
    model, options = DarkMeansSeven(), Options(review_below=0.9)
    opened = READER.open(page, options, model)
    (answers,) = answer_opened([OpenedChunk(1, options, [0], [opened])], model)
    return Answers.unpacked(answers.packed()).rows(0, ["page.png"])[0]


@given(
    st.integers(200, 1600),
    st.floats(0.08, 0.2),
    st.floats(0.1, 0.75),
    st.floats(0.1, 0.75),
    st.booleans(),
    st.integers(0, 9),
)
@settings(max_examples=60)
def test_a_small_digit_on_a_large_page_is_never_blank(
    side: int, share: float, across: float, down: float, light: bool, seed: int
) -> None:
    page = paper(side, int(side * 0.7) + 60, seed=seed)
    put(page, max(16, int(share * side)), int(across * 0.7 * side), int(down * side))
    assert row_of(np.invert(page) if light else page).status is not RowStatus.BLANK


@given(
    st.integers(40, 120),
    st.sampled_from([6, 10, 16, 30, 60, 120]),
    st.floats(0, 1),
    st.floats(0.55, 0.8),
    st.booleans(),
    st.booleans(),
    st.integers(0, 9),
)
@settings(max_examples=60)
def test_a_digit_as_high_as_the_strip_that_it_is_on_is_never_blank(
    height: int, length: int, along: float, share: float, upright: bool, light: bool, seed: int
) -> None:
    strip = paper(height, height * length, seed=seed)
    side = int(share * height)
    put(strip, side, 4 + int(along * (strip.shape[1] - side - 8)), (height - side) // 2)
    seen = np.ascontiguousarray(strip.T) if upright else strip
    assert row_of(np.invert(seen) if light else seen).status is not RowStatus.BLANK


@pytest.mark.parametrize("seed", range(8))
def test_a_strip_without_ink_has_none(seed: int) -> None:
    random = np.random.default_rng(seed)
    height = int(random.integers(40, 120))
    strip = paper(height, height * int(random.integers(6, 60)), noise=float(random.uniform(0, 8)))
    cv2.line(strip, (0, height - 4), (strip.shape[1], height - 6), 90, 2)
    for x in range(0, strip.shape[1], height):
        cv2.line(strip, (x, height // 2), (x, height), 90, 2)
    assert overlooked_ink(strip, Polarity.AUTO) is None


def test_a_page_with_many_digits_is_to_review_as_several() -> None:
    page = paper(1400, 1000)
    for row in range(6):
        for column in range(4):
            put(page, 60, 120 + 200 * column, 120 + 200 * row)
    found = row_of(page)
    assert (found.status, found.reason) == (RowStatus.REVIEW, Reason.SEVERAL)


@pytest.mark.parametrize("seed", range(12))
def test_paper_with_grain_dust_shade_or_a_rule_has_no_ink(seed: int) -> None:
    random = np.random.default_rng(seed)
    page = paper(int(random.integers(97, 1500)), int(random.integers(97, 1500)), noise=float(random.uniform(0, 8)))
    height, width = page.shape
    shade = np.linspace(0, random.integers(-80, 20), width)
    page = (page + shade[None]).clip(0, 255).astype(np.uint8)
    for _ in range(20):
        place = int(random.integers(width)), int(random.integers(height))
        cv2.circle(page, place, 1, 120, -1)
    cv2.line(page, (0, height // 3), (width, height // 3), 90, 2)
    assert overlooked_ink(page, Polarity.AUTO) is None


def test_what_is_cut_out_is_of_the_picture_itself() -> None:
    page = paper(900, 700)
    put(page, 70, 300, 400)
    found = overlooked_ink(page, Polarity.AUTO)
    assert found is not None
    assert not found.several
    assert max(found.crop.shape) < 200
    assert found.crop.min() == page.min()


def trimmed_digit(side: int) -> Grey:
    ink = drawn_digit(side=side)
    rows, columns = np.nonzero(ink < 150)
    return ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


@pytest.mark.parametrize("gap", [0, 1, 4, 12, 30])
@pytest.mark.parametrize("quarter", range(4))
@pytest.mark.parametrize("side", [30, 90])
def test_a_digit_near_the_side_of_a_page_is_never_blank(side: int, quarter: int, gap: int) -> None:
    page, ink = paper(1200, 850), trimmed_digit(side)
    height, width = ink.shape
    turned = np.rot90(page, quarter)
    turned[500 : 500 + height, gap : gap + width] = np.minimum(turned[500 : 500 + height, gap : gap + width], ink)
    assert row_of(page).status is not RowStatus.BLANK


@pytest.mark.parametrize("quarter", range(4))
def test_a_digit_that_is_cut_by_the_side_of_a_page_or_stands_beside_its_border_is_never_blank(quarter: int) -> None:
    page, ink = paper(1200, 850), trimmed_digit(80)
    cut, beside = np.rot90(page, quarter).copy(), np.rot90(page, quarter).copy()
    cut[500 : 500 + len(ink), : ink.shape[1] // 2] = ink[:, -(ink.shape[1] // 2) :]
    beside[:, :8] = 20
    beside[500 : 500 + len(ink), 14 : 14 + ink.shape[1]] = ink
    assert row_of(cut).status is not RowStatus.BLANK
    assert row_of(beside).status is not RowStatus.BLANK


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["border", "wedge", "ragged", "edge of the paper", "shadow", "corner"])
def test_what_scanners_leave_at_the_sides_is_no_ink(kind: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    page = paper(1100, 780, noise=float(random.uniform(1, 4)), seed=seed)
    turned = np.rot90(page, seed % 4)
    height, width = turned.shape
    places, grain = np.arange(height), random.normal(10, 12, height)
    depths = {
        "border": np.full(height, int(random.integers(2, 40))),
        "wedge": (places * random.uniform(0.005, 0.03)).astype(int),
        "ragged": ((grain + np.roll(grain, 1) + np.roll(grain, 2)) / 3).clip(0).astype(int),
        "edge of the paper": np.zeros(height, int),
        "shadow": np.zeros(height, int),
        "corner": (40 - places).clip(0),
    }[kind]
    for row, depth in enumerate(depths):
        turned[row, :depth] = 30
    if kind == "edge of the paper":
        at = int(random.integers(2, 25))
        for row in range(0, height, 9):
            turned[row : row + int(random.integers(3, 10)), at : at + 2] = 110
    if kind == "shadow":
        shade = np.exp(-np.arange(width) / random.uniform(5, 40)) * random.uniform(50, 150)
        turned[:] = (turned - shade[None]).clip(0, 255)
    assert overlooked_ink(page, Polarity.AUTO) is None
