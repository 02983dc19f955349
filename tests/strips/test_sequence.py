"""A strip read as one sequence: its picture, the texts of what a network says of its columns, and both readings."""

from __future__ import annotations

from itertools import pairwise, product
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.readers.number import by_both
from digitmill.strips.ink import strip_ink
from digitmill.strips.lattice import SYMBOLS, UNREAD, read, read_as
from digitmill.strips.sequence import (
    HEIGHT,
    INK_HEIGHT,
    MARK,
    NOTHING,
    OUTPUTS,
    WIDTHS,
    begins_with_mark,
    best_text,
    log_likelihoods,
    sequence_picture,
)
from tests.strips.test_strips import LATTICE, lattice, written

Grey = NDArray[np.uint8]
Columns = NDArray[np.float32]


def picture_of(grey: Grey) -> Grey:
    ink = strip_ink(grey, Polarity.AUTO)
    assert ink is not None
    return sequence_picture(grey, ink)


def columns_of(*outputs: int, sure: float = 0.9) -> Columns:
    """Columns of which each is so sure of one output."""
    shares = np.full((len(outputs), OUTPUTS), (1 - sure) / (OUTPUTS - 1))
    shares[np.arange(len(outputs)), outputs] = sure
    return np.asarray(np.log(shares), np.float32)


def spelled_by(outputs: tuple[int, ...]) -> str:
    """The digits of one output a column: repeated ones are one."""
    begun = [each for place, each in enumerate(outputs) if place == 0 or outputs[place - 1] != each]
    return "".join(DIGITS[each - 1] for each in begun if NOTHING < each < MARK)


@given(arrays(np.float64, (4, 4), elements=st.floats(-3, 3)), st.sampled_from(["0", "1", "01", "00", "101", "11"]))
@settings(max_examples=60, deadline=None)
def test_a_text_is_as_likely_as_all_ways_to_spread_it_together(logits: NDArray[np.float64], text: str) -> None:
    some = (NOTHING, 1, 2, MARK)
    own = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
    columns = np.full((4, OUTPUTS), -np.inf, np.float32)
    columns[:, some] = own
    # a mark counts as nothing
    ways = [way for way in product(range(4), repeat=4) if spelled_by(tuple(some[each] % MARK for each in way)) == text]
    expected = sum(float(np.exp(own[range(4), way].sum())) for way in ways)
    (found,) = np.exp(log_likelihoods(columns, [text]))
    assert found == pytest.approx(expected, abs=1e-6)


def test_all_texts_together_are_certain_and_each_is_the_same_beside_others() -> None:
    random = np.random.default_rng(1)
    columns = random.normal(0, 1, (3, OUTPUTS)).astype(np.float32)
    columns -= np.logaddexp.reduce(columns, axis=1, keepdims=True)
    texts = ["".join(each) for length in (1, 2, 3) for each in product(DIGITS, repeat=length)]
    nothing = np.exp(np.logaddexp(columns[:, NOTHING], columns[:, MARK]).sum())
    together = log_likelihoods(columns, texts)
    assert np.exp(together).sum() + nothing == pytest.approx(1, abs=1e-5)
    assert [float(log_likelihoods(columns, [text])[0]) for text in texts[::90]] == pytest.approx(together[::90])


def test_repeated_outputs_are_one_digit_and_marks_are_none() -> None:
    columns = columns_of(2, 2, NOTHING, 2, MARK, MARK, 10, NOTHING)
    assert best_text(columns) == "119"
    assert not begins_with_mark(columns)
    assert begins_with_mark(columns_of(NOTHING, MARK, 2))
    assert not begins_with_mark(columns_of(NOTHING, NOTHING))
    (first, second) = log_likelihoods(columns, ["119", "19"])
    assert first > second


@pytest.mark.parametrize("scale", [2.0, 3.0])
def test_a_picture_has_one_height_whatever_the_resolution(scale: float) -> None:
    grey = written("4", "0", "7")
    wide = np.asarray(cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    found, expected = picture_of(wide), picture_of(grey)
    assert found.shape[0] == HEIGHT
    assert found.shape[1] % WIDTHS == 0
    rows = np.flatnonzero((found > 128).any(axis=1))
    assert abs(len(rows) - INK_HEIGHT) <= 3
    assert found.shape == expected.shape
    alike = np.corrcoef(cv2.blur(found, (5, 5)).ravel(), cv2.blur(expected, (5, 5)).ravel())[0, 1]
    assert alike > 0.9


def test_light_ink_on_dark_is_the_same_picture() -> None:
    grey = written("4", "0", "7")
    assert cv2.absdiff(picture_of(grey), picture_of(np.invert(grey))).mean() < 2


def test_the_longest_strip_has_a_picture_that_is_not_too_wide() -> None:
    assert picture_of(written(*"31415926535897932384626433832795")).shape == (HEIGHT, 736)


@given(arrays(np.float64, (len(LATTICE), len(SYMBOLS)), elements=st.floats(-8, 0)))
@settings(max_examples=40, deadline=None)
def test_a_text_of_the_lattice_is_read_as_it_is_when_it_is_asked_for(scored: NDArray[np.float64]) -> None:
    digits = [each for each in read(LATTICE, scored, 40) if each.text and UNREAD not in each.text]
    for each in digits[:3]:
        found = read_as(LATTICE, scored, each.text)
        assert found is not None
        # the search passes over readings that are unlikely from the beginning
        assert found.probability >= each.probability - 1e-9
        spans = [(int(LATTICE.starts[group]), int(LATTICE.ends[group])) for group in found.groups]
        assert len(spans) == len(each.text)
        assert all(one[1] <= other[0] for one, other in pairwise(spans))


def test_a_text_that_no_path_reads_is_none() -> None:
    line = lattice(*((number, number + 1) for number in range(3)))
    assert read_as(line, np.zeros((3, len(SYMBOLS))), "1234") is None
    assert read_as(line, np.zeros((3, len(SYMBOLS))), "123") is not None


def test_the_network_and_the_lattice_choose_together() -> None:
    line = lattice(*((number, number + 1) for number in range(2)))
    scored = np.full((2, len(SYMBOLS)), -9.0)
    scored[0, [1, 7]], scored[1, 4] = (-0.5, -0.9), 0.0
    found = read(line, scored, 8)
    assert found[0].text == "14"
    columns = columns_of(8, NOTHING, 5)
    assert by_both(line, scored, found, columns, 0.0)[0].text == "14"
    best, *others = by_both(line, scored, found, columns, 1.0)
    assert best.text == "74"
    assert best.probability + sum(each.probability for each in others) == pytest.approx(1)
    assert cast("float", best.spelled) > max(cast("float", each.spelled) for each in others)


def test_what_the_network_alone_reads_is_a_reading_where_the_lattice_has_it() -> None:
    line = lattice(*((number, number + 1) for number in range(2)))
    scored = np.full((2, len(SYMBOLS)), -40.0)
    scored[0, 1] = scored[1, 4] = 0.0
    columns = columns_of(8, NOTHING, 9, sure=0.9999999)
    found = [each for each in read(line, scored, 8) if each.text == "14"]
    assert by_both(line, scored, found, columns, 9.0)[0].text == "78"
    assert [each.text for each in by_both(line, scored, found, columns_of(8, NOTHING, 9, 4), 1.0)] == ["14"]
